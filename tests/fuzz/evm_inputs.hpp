#pragma once

#include "chains/evm/impl/rpc_decode.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

// What the targets of the EVM decoders share.
namespace fuzz {

struct Everyone final : chains::WatchFilter {
    bool is_ours(const core::Address&) const override { return true; }
};

//! Most addresses are ours, those of the recorded block among them.
struct SomeOfThem final : chains::WatchFilter {
    bool is_ours(const core::Address& address) const override {
        return (address.view().back() & 0x12) != 0;
    }
};

//! A node's answer that nlohmann reads too: what the decoder made of it must fit.
inline std::string text_of(const json& object, const char* key) {
    MUST(object.is_object() && object.contains(key) && object[key].is_string());
    return object[key].get<std::string>();
}

inline void must_be_quantity(const json& object, const char* key, const core::Units& read) {
    const auto units = core::Units::from_hex_quantity(text_of(object, key));
    MUST(units && *units == read);
}

template <class Fixed>
void must_be_bytes(const json& object, const char* key, const Fixed& read) {
    const auto bytes = core::from_hex(text_of(object, key));
    MUST(bytes && core::to_hex(*bytes) == core::to_hex(read.view()));
}

//! Accepted although a field that money hangs on stands there twice?
inline void must_not_repeat(std::string_view text, std::initializer_list<const char*> fields) {
    const auto shape = shape_of(text);
    for (const char* field : fields) MUST(!shape.top_repeats.contains(field));
}

inline bool is_node_error(core::Errc code) {
    return code == core::Errc::kMalformed || code == core::Errc::kNotReady;
}

}  // namespace fuzz
