// What contracts return. Every view lies inside what was given.

#include "chains/evm/abi.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"

namespace fuzz_abi {

using namespace chains::evm;

bool is_inside(core::ByteView part, core::ByteView all) {
    if (part.empty()) return true;
    return part.data() >= all.data() && part.data() + part.size() <= all.data() + all.size();
}

bool is_refusal(core::Errc code) { return code == core::Errc::kMalformed; }

void numbers(const AbiReader& reader, std::size_t slot) {
    const auto word = reader.word(slot);
    if (!word) return MUST(is_refusal(word.error().code));
    const auto units = reader.units(slot);
    MUST(units && word_of(*units) == *word);
    if (const auto small = reader.u64(slot)) MUST(core::Units{*small} == *units);
    if (const auto flag = reader.boolean(slot)) {
        MUST(*units == core::Units{std::uint64_t{*flag ? 1U : 0U}});
    }
    if (const auto address = reader.address(slot)) MUST(word_of(*address) == *word);
}

void texts(const AbiReader& reader, std::size_t slot, core::ByteView all) {
    const auto bytes = reader.bytes(slot);
    if (bytes) MUST(is_inside(*bytes, all));
    const auto string = reader.string(slot);
    if (string) {
        MUST(bytes && fuzz::is_utf8(*string) && string->size() == bytes->size());
        const core::Bytes encoded = encode_arguments({AbiValue::string(*string)});
        MUST(*AbiReader{encoded}.string(0) == *string);
    } else if (bytes) {
        MUST(!fuzz::is_utf8(std::string(bytes->begin(), bytes->end())));
    }
}

void walk(const AbiReader& reader, core::ByteView all, int depth) {
    for (std::size_t slot = 0; slot < 4; ++slot) {
        numbers(reader, slot);
        texts(reader, slot, all);
        if (const auto words = reader.words(slot)) MUST(words->size() <= all.size() / 32);
        const auto tuples = reader.tuples(slot);
        if (!tuples) continue;
        MUST(tuples->size() <= all.size() / 32);
        for (std::size_t i = 0; depth > 0 && i < tuples->size() && i < 3; ++i) {
            walk((*tuples)[i], all, depth - 1);
        }
    }
    MUST(!reader.word(static_cast<std::size_t>(-1)));
}

void round_trip(core::ByteView all) {
    const core::Bytes copy(all.begin(), all.end());
    const core::Bytes encoded = encode_arguments(
        {AbiValue::number(std::uint64_t{7}), AbiValue::bytes(copy), AbiValue::boolean(true)});
    const AbiReader reader{encoded};
    const auto back = reader.bytes(1);
    MUST(back && std::equal(back->begin(), back->end(), copy.begin(), copy.end()));
    MUST(*reader.u64(0) == 7 && *reader.boolean(2));
}

}  // namespace fuzz_abi

FUZZ_TARGET(abi) {
    using namespace fuzz_abi;
    const auto all = core::bytes_of(input);
    walk(AbiReader{all}, all, 1);
    if (const auto text = decode_text(all)) MUST(fuzz::is_utf8(*text));
    const auto reason = revert_reason(all);
    if (reason) MUST(fuzz::is_utf8(*reason) && all.size() >= 36);
    round_trip(all);
}
