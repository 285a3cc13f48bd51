#include "core/ids.hpp"

#include <algorithm>

namespace core {
namespace {

bool matches(std::string_view text, std::size_t min, std::size_t max, std::string_view extra,
             bool upper_case) {
    if (text.size() < min || text.size() > max) return false;
    return std::all_of(text.begin(), text.end(), [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
               (upper_case && c >= 'A' && c <= 'Z') || extra.find(c) != std::string_view::npos;
    });
}

std::pair<std::string_view, std::string_view> cut(std::string_view text, char at) {
    const std::size_t split = text.find(at);
    if (split == std::string_view::npos) return {text, {}};
    return {text.substr(0, split), text.substr(split + 1)};
}

}  // namespace

Expected<ChainId> ChainId::from_text(std::string_view text) {
    const auto [name_space, reference] = cut(text, ':');
    if (!matches(name_space, 3, 8, "-", false) || !matches(reference, 1, 32, "-_", true)) {
        return invalid("a chain id looks like eip155:8453 (CAIP-2)");
    }
    return ChainId{std::string{text}};
}

ChainId ChainId::eip155(std::uint64_t number) { return ChainId{"eip155:" + std::to_string(number)}; }

std::string_view ChainId::name_space() const { return cut(text(), ':').first; }
std::string_view ChainId::reference() const { return cut(text(), ':').second; }

Expected<AssetId> AssetId::from_text(std::string_view text) {
    const auto [chain, asset] = cut(text, '/');
    const auto [name_space, reference] = cut(asset, ':');
    if (!ChainId::from_text(chain) || !matches(name_space, 3, 8, "-", false) ||
        !matches(reference, 1, 128, "-.%", true)) {
        return invalid("an asset id looks like eip155:8453/slip44:60 (CAIP-19)");
    }
    return AssetId{std::string{text}};
}

ChainId AssetId::chain() const { return ChainId{std::string{cut(text(), '/').first}}; }
std::string_view AssetId::asset_namespace() const { return cut(cut(text(), '/').second, ':').first; }
std::string_view AssetId::asset_reference() const { return cut(cut(text(), '/').second, ':').second; }

}  // namespace core
