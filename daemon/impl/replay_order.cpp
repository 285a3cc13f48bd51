#include "daemon/impl/replay_order.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace depositd {

using nlohmann::json;

namespace {

core::Expected<std::uint64_t> height_of(const json& order, const char* key) {
    const auto found = order.find(key);
    if (found == order.end() || !found->is_number_unsigned()) {
        return core::invalid(std::string{key} + " must be a height");
    }
    return found->get<std::uint64_t>();
}

//! Absent and null are none.
core::Expected<std::optional<std::string>> text_of(const json& order, const char* key) {
    const auto found = order.find(key);
    if (found == order.end() || found->is_null()) return std::optional<std::string>{};
    if (!found->is_string() || found->get_ref<const std::string&>().empty()) {
        return core::invalid(std::string{key} + " must be a text");
    }
    return std::optional<std::string>{found->get<std::string>()};
}

core::Expected<std::vector<core::ChainId>> chains_of(const json& order,
                                                     std::span<const core::ChainId> configured) {
    auto name = text_of(order, "chain");
    if (!name) return name.error();
    std::vector<core::ChainId> out{configured.begin(), configured.end()};
    if (*name) {
        std::erase_if(out, [&](const core::ChainId& one) { return one.text() != **name; });
        if (out.empty()) return core::invalid("chain " + **name + " is not configured");
    }
    return out;
}

core::Expected<watchers::ReplayRange> range_of(const json& order) {
    if (!order.contains("chain") || order["chain"].is_null()) {
        return core::invalid("name a tx, a session, or a chain with from and to");
    }
    auto from = height_of(order, "from");
    if (!from) return from.error();
    auto to = height_of(order, "to");
    if (!to) return to.error();
    if (*from > *to) return core::invalid("from must not be above to");
    return watchers::ReplayRange{*from, *to};
}

}  // namespace

core::Expected<ReplayOrder> parse_replay_order(const json& order,
                                               std::span<const core::ChainId> configured,
                                               const chains::AddressCodec& codec) {
    if (!order.is_object()) return core::invalid("the order must be an object");
    auto chains = chains_of(order, configured);
    if (!chains) return chains.error();
    auto tx = text_of(order, "tx");
    if (!tx) return tx.error();
    auto session = text_of(order, "session");
    if (!session) return session.error();
    const bool ranged = order.contains("from") || order.contains("to");
    if ((*tx ? 1 : 0) + (*session ? 1 : 0) + (ranged ? 1 : 0) > 1) {
        return core::invalid("name only one of a tx, a session, and a chain with from and to");
    }
    ReplayOrder out{std::move(*chains), {}};
    if (*tx) {
        auto id = codec.parse_tx(**tx);
        if (!id) return core::invalid("tx: " + id.error().message);
        out.request = *id;
    } else if (*session) {
        out.request = core::SessionId{**session};
    } else {
        auto range = range_of(order);
        if (!range) return range.error();
        out.request = *range;
    }
    return out;
}

}  // namespace depositd
