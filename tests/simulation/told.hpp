#pragma once

#include <map>
#include <string>

#include <nlohmann/json.hpp>

#include "core/chain_types.hpp"
#include "core/check.hpp"
#include "core/units.hpp"
#include "tests/simulation/chain.hpp"

namespace simulation {

using Sums = std::map<Asset, core::Units>;

inline void add(Sums& sums, Asset asset, const core::Units& units) {
    const auto sum = sums[asset].plus(units);
    CHECK(sum.has_value());
    sums[asset] = *sum;
}

inline core::Units sum_of(const Sums& sums, Asset asset) {
    const auto found = sums.find(asset);
    return found == sums.end() ? core::Units{} : found->second;
}

//! The API tells amounts in base units, in decimal.
inline core::Units units_of(const nlohmann::json& text) {
    const auto units = core::Units::from_decimal(text.get<std::string>());
    CHECK(units.has_value(), "the API tells amounts in base units");
    return *units;
}

inline unsigned decimals_of(const Chain& chain, Asset asset) {
    return asset == kNative ? 18 : chain.contracts().token(asset).decimals;
}

inline core::Address address_of(const nlohmann::json& text) {
    const auto address = core::Address::from_hex(text.get<std::string>());
    CHECK(address.has_value(), "the API tells addresses in hex");
    return *address;
}

inline core::TxId tx_of(const nlohmann::json& text) {
    const auto tx = core::TxId::from_hex(text.get<std::string>());
    CHECK(tx.has_value(), "the API tells transactions in hex");
    return *tx;
}

}  // namespace simulation
