#include "chains/evm/abi.hpp"

#include <algorithm>

#include <utf8proc.h>

namespace chains::evm {

namespace {

constexpr std::size_t kSlotSize = Bytes32::kSize;

core::Error malformed(std::string message) {
    return core::Error{core::Errc::kMalformed, std::move(message)};
}

core::Expected<std::string> utf8_text(core::ByteView bytes) {
    auto rest = bytes;
    while (!rest.empty()) {
        utf8proc_int32_t code_point = 0;
        const auto size = utf8proc_iterate(
            rest.data(), static_cast<utf8proc_ssize_t>(rest.size()), &code_point);
        if (size <= 0) return malformed("ABI string is not UTF-8");
        rest = rest.subspan(static_cast<std::size_t>(size));
    }
    return std::string(bytes.begin(), bytes.end());
}

}  // namespace

core::Expected<Bytes32> AbiReader::word(std::size_t slot) const {
    if (slot >= data_.size() / kSlotSize) return malformed("ABI data is too short");
    return Bytes32::from_bytes(data_.subspan(slot * kSlotSize, kSlotSize));
}

core::Expected<core::Units> AbiReader::units(std::size_t slot) const {
    const auto found = word(slot);
    if (!found) return found.error();
    return units_of(found.value());
}

core::Expected<std::uint64_t> AbiReader::u64(std::size_t slot) const {
    const auto found = units(slot);
    if (!found) return found.error();
    const auto number = found.value().to_u64();
    if (!number) return malformed("ABI number above 64 bits");
    return number;
}

core::Expected<core::Address> AbiReader::address(std::size_t slot) const {
    const auto found = word(slot);
    if (!found) return found.error();
    const auto address = address_of(found.value());
    if (!address) return malformed("ABI address above 160 bits");
    return address;
}

core::Expected<bool> AbiReader::boolean(std::size_t slot) const {
    const auto number = units(slot);
    if (!number) return number.error();
    if (number.value() > core::Units{std::uint64_t{1}}) return malformed("ABI bool above 1");
    return !number.value().is_zero();
}

core::Expected<AbiReader::Tail> AbiReader::tail(std::size_t slot) const {
    const auto offset = u64(slot);
    if (!offset) return offset.error();
    if (offset.value() > data_.size() || data_.size() - offset.value() < kSlotSize) {
        return malformed("ABI offset outside the data");
    }
    const core::ByteView found = data_.subspan(offset.value());
    const auto count = AbiReader{found}.u64(0);
    if (!count) return count.error();
    return Tail{found.subspan(kSlotSize), count.value()};
}

core::Expected<core::ByteView> AbiReader::bytes(std::size_t slot) const {
    const auto found = tail(slot);
    if (!found) return found.error();
    const auto& [body, count] = found.value();
    if (count > body.size()) return malformed("ABI bytes reach outside the data");
    return body.first(count);
}

core::Expected<std::string> AbiReader::string(std::size_t slot) const {
    const auto found = bytes(slot);
    if (!found) return found.error();
    return utf8_text(found.value());
}

core::Expected<std::vector<Bytes32>> AbiReader::words(std::size_t slot) const {
    const auto found = tail(slot);
    if (!found) return found.error();
    const auto& [body, count] = found.value();
    if (count > body.size() / kSlotSize) return malformed("ABI array reaches outside the data");
    std::vector<Bytes32> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(Bytes32::from_bytes(body.subspan(i * kSlotSize, kSlotSize)).value());
    }
    return out;
}

core::Expected<std::vector<AbiReader>> AbiReader::tuples(std::size_t slot) const {
    const auto found = tail(slot);
    if (!found) return found.error();
    const auto& [body, count] = found.value();
    if (count > body.size() / kSlotSize) return malformed("ABI array reaches outside the data");
    const AbiReader offsets{body};
    std::vector<AbiReader> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto offset = offsets.u64(i);
        if (!offset) return offset.error();
        if (offset.value() > body.size()) return malformed("ABI offset outside the data");
        out.emplace_back(body.subspan(offset.value()));
    }
    return out;
}

core::Expected<std::string> decode_text(core::ByteView returned) {
    if (returned.size() != kSlotSize) return AbiReader{returned}.string(0);
    const auto end = std::find(returned.begin(), returned.end(), std::uint8_t{0});
    if (std::any_of(end, returned.end(), [](std::uint8_t byte) { return byte != 0; })) {
        return malformed("bytes32 text with a zero within");
    }
    return utf8_text(returned.first(static_cast<std::size_t>(end - returned.begin())));
}

std::optional<std::string> revert_reason(core::ByteView data) {
    const Selector error = selector("Error(string)");
    if (data.size() < error.size() || !std::equal(error.begin(), error.end(), data.begin())) {
        return std::nullopt;
    }
    const auto text = AbiReader{data.subspan(error.size())}.string(0);
    if (!text) return std::nullopt;
    return text.value();
}

}  // namespace chains::evm
