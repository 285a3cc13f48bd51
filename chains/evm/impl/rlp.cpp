#include "chains/evm/rlp.hpp"

#include <algorithm>

namespace chains::evm {

namespace {

constexpr std::uint8_t kString = 0x80;
constexpr std::uint8_t kList = 0xC0;
constexpr std::size_t kShortMax = 55;

core::ByteView without_leading_zeros(core::ByteView bytes) {
    while (!bytes.empty() && bytes.front() == 0) bytes = bytes.subspan(1);
    return bytes;
}

std::array<std::uint8_t, 8> big_endian(std::uint64_t number) {
    std::array<std::uint8_t, 8> out{};
    for (std::size_t i = 8; i-- > 0; number >>= 8) out[i] = static_cast<std::uint8_t>(number);
    return out;
}

void append_header(core::Bytes& out, std::uint8_t base, std::size_t size) {
    if (size <= kShortMax) {
        out.push_back(static_cast<std::uint8_t>(base + size));
        return;
    }
    const auto digits = big_endian(size);
    const core::ByteView length = without_leading_zeros(digits);
    out.push_back(static_cast<std::uint8_t>(base + kShortMax + length.size()));
    out.insert(out.end(), length.begin(), length.end());
}

// The body that a header announces; moves `input` behind it.
core::Expected<core::ByteView> take_body(core::ByteView& input, std::uint8_t base) {
    std::size_t size = input.front() - base;
    input = input.subspan(1);
    if (size > kShortMax) {
        const std::size_t length_size = size - kShortMax;
        if (length_size > input.size()) return core::invalid("RLP ends within a length");
        if (input.front() == 0) return core::invalid("RLP length with a leading zero");
        size = 0;
        for (const std::uint8_t byte : input.first(length_size)) size = size << 8 | byte;
        if (size <= kShortMax) return core::invalid("RLP long form of a short item");
        input = input.subspan(length_size);
    }
    if (size > input.size()) return core::invalid("RLP ends within an item");
    const core::ByteView body = input.first(size);
    input = input.subspan(size);
    return body;
}

core::Expected<RlpItem> take_item(core::ByteView& input, std::size_t depth) {
    if (input.empty()) return core::invalid("RLP ends before an item");
    RlpItem out;
    const std::uint8_t first = input.front();
    if (first < kString) {
        out.bytes = input.first(1);
        input = input.subspan(1);
        return out;
    }
    out.is_list = first >= kList;
    const auto body = take_body(input, out.is_list ? kList : kString);
    if (!body) return body.error();
    out.bytes = body.value();
    if (!out.is_list) {
        if (out.bytes.size() == 1 && out.bytes.front() < kString) {
            return core::invalid("RLP prefix before a byte that stands for itself");
        }
        return out;
    }
    if (depth == kRlpDepthMax) return core::invalid("RLP lists nest too deep");
    for (core::ByteView rest = out.bytes; !rest.empty();) {
        auto item = take_item(rest, depth + 1);
        if (!item) return item;
        out.items.push_back(std::move(item.value()));
    }
    return out;
}

}  // namespace

core::Bytes rlp_string(core::ByteView bytes) {
    core::Bytes out;
    if (bytes.size() != 1 || bytes.front() >= kString) append_header(out, kString, bytes.size());
    out.insert(out.end(), bytes.begin(), bytes.end());
    return out;
}

core::Bytes rlp_number(std::uint64_t number) {
    const auto digits = big_endian(number);
    return rlp_string(without_leading_zeros(digits));
}

core::Bytes rlp_number(const core::Units& number) {
    const auto digits = number.big_endian();
    return rlp_string(without_leading_zeros(digits));
}

core::Bytes rlp_list(std::span<const core::Bytes> items) {
    std::size_t size = 0;
    for (const core::Bytes& item : items) size += item.size();
    core::Bytes out;
    out.reserve(size + 9);
    append_header(out, kList, size);
    for (const core::Bytes& item : items) out.insert(out.end(), item.begin(), item.end());
    return out;
}

core::Expected<RlpItem> rlp_decode(core::ByteView input) {
    auto item = take_item(input, 0);
    if (item && !input.empty()) return core::invalid("bytes behind the RLP item");
    return item;
}

core::Expected<core::Units> rlp_units(const RlpItem& item) {
    if (item.is_list) return core::invalid("RLP list where a number belongs");
    if (!item.bytes.empty() && item.bytes.front() == 0) {
        return core::invalid("RLP number with a leading zero");
    }
    return core::Units::from_big_endian(item.bytes);
}

core::Expected<std::uint64_t> rlp_u64(const RlpItem& item) {
    const auto units = rlp_units(item);
    if (!units) return units.error();
    const auto number = units.value().to_u64();
    if (!number) return core::invalid("RLP number above 64 bits");
    return number;
}

}  // namespace chains::evm
