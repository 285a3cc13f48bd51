#include "daemon/impl/credit_text.hpp"

#include "chains/ports/reader.hpp"
#include "tests/support/fake_chain.hpp"

#include <catch2/catch.hpp>

namespace {

//! Coin of one unit in block 10: of the smallest amount, which one endpoint would do for.
db::Deposit coin(const chains::ChainInfo& info) {
    db::Deposit deposit;
    deposit.chain = info.id;
    deposit.asset = info.native_asset;
    deposit.kind = static_cast<int>(chains::TransferKind::kNative);
    deposit.units = core::Units{1};
    deposit.height = 10;
    return deposit;
}

chains::ChainInfo two_for_payouts() {
    chains::CreditTier tier;
    tier.depth = 3;
    auto info = support::fake_chain_info(31337, tier);
    info.payout_final.endpoints = 2;
    return info;
}

}  // namespace

TEST_CASE("explain: a detected deposit -> what it waits for, one after the other") {
    const auto info = two_for_payouts();
    const db::Deposit deposit = coin(info);
    CHECK(depositd::credit_waits_for(info, deposit, 12, {}) ==
          "block 13; the chain was read up to 12");
    CHECK(depositd::credit_waits_for(info, deposit, 13, {}) ==
          "block 10 to be final; the last that is known to be is none yet");
    CHECK(depositd::credit_waits_for(info, deposit, 13, 9) ==
          "block 10 to be final; the last that is known to be is 9");
}

TEST_CASE("explain: a small amount of coin -> waits for a second endpoint; of a token -> for nothing") {
    const auto info = two_for_payouts();
    db::Deposit deposit = coin(info);
    CHECK(depositd::credit_waits_for(info, deposit, 13, 13) == "2 endpoints that agree on it");
    deposit.asset = info.tokens.at(1).asset;
    deposit.kind = static_cast<int>(chains::TransferKind::kToken);
    CHECK(depositd::credit_waits_for(info, deposit, 13, 13).empty());
}
