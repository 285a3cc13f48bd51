#pragma once

#include "api/session_view.hpp"
#include "tests/unit/api/fakes.hpp"

#include <string>

// Sessions in the situations that views are looked at in.
namespace api_test {

inline api::SessionFacts opened() {
    api::SessionFacts facts;
    auto& row = facts.row;
    row.session.id = core::SessionId{"0123456789abcdef0123456789abcdef"};
    row.session.destination.asset = kBaseUsdc;
    row.session.destination.address = address(kShop);
    row.session.destination.units = core::Units{10'000'000};
    row.session.refund_address = address(kRefund);
    row.session.expires_at = core::Instant{1'700'003'600'000};
    row.client_secret = "fedcba9876543210fedcba9876543210";
    row.display_json = R"({"title":"Shop","verb":"Pay","paymentOptions":["AllWallets"]})";
    row.metadata_json = R"({"order":"7"})";
    row.created_at = core::Instant{1'700'000'000'000};
    row.updated_at = row.created_at;
    return facts;
}

inline api::SessionFacts with_method() {
    api::SessionFacts facts = opened();
    facts.row.session.state = session::State::kSourceSet;
    facts.row.method = "evm";
    facts.row.method_at = core::Instant{1'700'000'060'000};
    db::Receiver receiver;
    receiver.id = {5};
    receiver.address = address("0x3333333333333333333333333333333333333333");
    facts.row.receiver = receiver.id;
    facts.receiver = receiver;
    return facts;
}

inline db::Deposit deposit(std::int64_t id, const core::AssetId& of, std::uint64_t units,
                           db::DepositStatus status) {
    db::Deposit out;
    out.id = {id};
    out.chain = of.chain();
    out.asset = of;
    out.tx = core::TxId::from_hex("0x" + std::string(63, '0') + std::to_string(id)).value();
    out.from = address("0x4444444444444444444444444444444444444444");
    out.units = core::Units{units};
    out.mined_at = core::Instant{1'700'000'100'000};
    out.detected_at = core::Instant{1'700'000'101'000};
    out.status = status;
    out.can_fund = true;
    if (status == db::DepositStatus::kConfirmed)
        out.confirmed_at = core::Instant{1'700'000'130'000};
    return out;
}

inline api::SessionFacts funded(session::State state, const core::AssetId& of) {
    api::SessionFacts facts = with_method();
    facts.row.session.state = state;
    facts.deposits.push_back(deposit(1, of, 10'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.back().claim = db::ClaimUse::kDelivery;
    facts.row.session.funding =
        session::Funding{of, core::Units{10'000'000}, core::Units{10'000'000}, core::Units{}};
    return facts;
}

inline api::SessionFacts closed(session::State state, const core::AssetId& of) {
    api::SessionFacts facts = funded(state, of);
    facts.row.outcome_tx = core::TxId::from_hex("0x" + std::string(64, 'a')).value();
    facts.row.outcome_units = core::Units{10'000'000};
    return facts;
}

}  // namespace api_test
