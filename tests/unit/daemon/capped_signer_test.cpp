#include "daemon/impl/capped_signer.hpp"

#include <catch2/catch.hpp>

#include <memory>
#include <utility>

#include "tests/support/fake_sender.hpp"
#include "tests/support/sessions.hpp"

using chains::CallKind;
using support::address;
using support::kToken;
using support::units;

namespace {

//! Tokens of six decimals, at most 100 whole ones.
struct Bench {
    depositd::CappedSigner signer{std::make_unique<support::FakeSigner>(), 100, {chain()}};

    static chains::ChainInfo chain() {
        chains::ChainInfo info;
        info.id = kToken.chain();
        chains::TokenInfo token;
        token.asset = kToken;
        token.symbol = "USD";
        token.decimals = 6;
        token.contract = *core::Address::from_hex(kToken.asset_reference());
        info.tokens = {token};
        return info;
    }
    static chains::TxOrder order(CallKind kind, std::uint64_t amount = 100'000'000) {
        chains::TxOrder out;
        out.kind = kind;
        out.asset = kToken;
        out.sender = address(9);
        out.recipient = address(1);
        out.units = units(amount);
        return out;
    }
    bool allows(const chains::TxOrder& order) const { return signer.allows(order).has_value(); }
};

}  // namespace

TEST_CASE("capped signer: transfer, approval and call -> up to the cap each, not a unit more") {
    const Bench bench;
    for (const CallKind kind : {CallKind::kTokenTransfer, CallKind::kApprove, CallKind::kCall}) {
        CHECK(bench.allows(Bench::order(kind)));
        CHECK_FALSE(bench.allows(Bench::order(kind, 100'000'001)));
    }
    CHECK(bench.allows(Bench::order(CallKind::kApprove, 0)));
}
