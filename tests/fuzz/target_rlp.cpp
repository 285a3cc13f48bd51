// RLP: what is accepted is the one encoding of what was read, and whatever is encoded is read back.

#include "chains/evm/rlp.hpp"
#include "tests/fuzz/target.hpp"

namespace fuzz_rlp {

using namespace chains::evm;

core::Bytes encode(const RlpItem& item) {
    if (!item.is_list) return rlp_string(item.bytes);
    std::vector<core::Bytes> items;
    for (const RlpItem& one : item.items) items.push_back(encode(one));
    return rlp_list(items);
}

//! The yellow paper's appendix B by the letter, written apart from the product's.
core::Bytes with_length(core::Bytes body, unsigned base) {
    core::Bytes head;
    if (body.size() < 56) {
        head.push_back(static_cast<std::uint8_t>(base + body.size()));
    } else {
        core::Bytes digits;
        for (std::size_t rest = body.size(); rest != 0; rest /= 256) {
            digits.insert(digits.begin(), static_cast<std::uint8_t>(rest % 256));
        }
        head.push_back(static_cast<std::uint8_t>(base + 55 + digits.size()));
        head.insert(head.end(), digits.begin(), digits.end());
    }
    head.insert(head.end(), body.begin(), body.end());
    return head;
}

//! Makes an item out of any bytes; `plain` gets its encoding by the other way.
core::Bytes grow(core::ByteView& program, std::size_t depth, core::Bytes& plain) {
    if (program.empty()) {
        plain = {0x80};
        return rlp_string({});
    }
    const std::uint8_t order = program.front();
    program = program.subspan(1);
    if (order >= 0xC0 && depth < kRlpDepthMax) {
        std::vector<core::Bytes> items;
        core::Bytes body;
        for (int i = order & 7; i > 0; --i) {
            core::Bytes one;
            items.push_back(grow(program, depth + 1, one));
            body.insert(body.end(), one.begin(), one.end());
        }
        plain = with_length(body, 0xC0);
        return rlp_list(items);
    }
    const core::ByteView text = program.first(std::min<std::size_t>(order, program.size()));
    program = program.subspan(text.size());
    const core::Bytes copy(text.begin(), text.end());
    plain = copy.size() == 1 && copy[0] < 0x80 ? copy : with_length(copy, 0x80);
    return rlp_string(text);
}

void check_numbers(const RlpItem& item) {
    const auto units = rlp_units(item);
    const auto small = rlp_u64(item);
    if (units) MUST(rlp_number(*units) == rlp_string(item.bytes));
    if (small) MUST(units && *units == core::Units{*small} && rlp_number(*small) == rlp_number(*units));
    if (item.is_list) MUST(!units && !small);
    for (const RlpItem& one : item.items) check_numbers(one);
}

}  // namespace fuzz_rlp

FUZZ_TARGET(rlp) {
    using namespace fuzz_rlp;
    const auto bytes = core::bytes_of(input);
    if (const auto item = rlp_decode(bytes)) {
        const core::Bytes again = encode(*item);
        MUST(std::equal(again.begin(), again.end(), bytes.begin(), bytes.end()));
        check_numbers(*item);
    }
    core::ByteView program = bytes;
    core::Bytes plain;
    const core::Bytes encoded = grow(program, 0, plain);
    MUST(encoded == plain);
    const auto read = rlp_decode(encoded);
    MUST(read && encode(*read) == encoded);
    core::Bytes longer = encoded;
    longer.push_back(0);
    MUST(!rlp_decode(longer));
    MUST(!rlp_decode(core::ByteView{encoded}.first(encoded.size() - 1)));
}
