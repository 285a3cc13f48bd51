#pragma once

#include <fstream>
#include <string>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/bytes.hpp"
#include "core/chain_types.hpp"
#include "core/rng.hpp"
#include "core/units.hpp"

namespace chains::test {

//! Ordered: the components of a tuple stand in the order of their declaration.
using Json = nlohmann::ordered_json;

//! The known answers of tests/vectors/NAME.json; fails when there are none.
inline Json load_vectors(const std::string& name) {
    std::ifstream file{std::string{DEPOSITD_SOURCE_DIR} + "/tests/vectors/" + name + ".json"};
    REQUIRE(file.is_open());
    const Json document = Json::parse(file);
    REQUIRE(document.at("vectors").size() == document.at("count").get<std::size_t>());
    REQUIRE_FALSE(document.at("vectors").empty());
    return document.at("vectors");
}

inline std::string text(const Json& value) { return value.get<std::string>(); }
inline core::Bytes bytes(const Json& hex) { return core::from_hex(text(hex)).value(); }
inline core::Address address(const Json& hex) { return core::Address::from_hex(text(hex)).value(); }
inline core::Units units(const Json& number) {
    if (number.is_string()) return core::Units::from_decimal(text(number)).value();
    return core::Units{number.get<std::uint64_t>()};
}
template <class Fixed>
Fixed fixed(const Json& hex) {
    return Fixed::from_hex(text(hex)).value();
}
inline std::array<std::uint8_t, 32> array32(const Json& hex) {
    std::array<std::uint8_t, 32> out{};
    REQUIRE(core::read_hex(text(hex), out));
    return out;
}

//! For blinding only: nothing that is checked depends on it.
struct FixedRng : core::Rng {
    void fill(std::span<std::uint8_t> out) override {
        for (auto& byte : out) byte = 0x42;
    }
};

}  // namespace chains::test
