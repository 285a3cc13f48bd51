// parse_strict accepts exactly what nlohmann accepts and has no repeated key, no integer outside 64
// bits and no more depth or size than allowed, and reads the same document from it.

#include "net/json.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"

FUZZ_TARGET(json) {
    const auto strict = net::parse_strict(input);
    const auto plain = fuzz::loose(input);
    if (plain.is_discarded()) {
        MUST(!strict);
    } else {
        const auto shape = fuzz::shape_of(input);
        const net::JsonLimits limits;
        MUST(strict.has_value() == (input.size() <= limits.max_bytes && !shape.repeats &&
                                    !shape.wide_integer && shape.depth <= limits.max_depth));
    }
    if (!strict) {
        MUST(!strict.error().message.empty());
        return;
    }
    MUST(*strict == plain);
    const std::string text = strict->dump();
    const auto again = net::parse_strict(text, {.max_depth = 32, .max_bytes = text.size()});
    MUST(again && *again == *strict && again->dump() == text);
}
