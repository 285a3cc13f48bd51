#pragma once

#include <string>
#include <utility>
#include <vector>

#include "session/types.hpp"

//! Sessions and deposits to test with: 100 units of one token are asked, deadline at second 1000.
namespace support {

inline const core::AssetId kToken{"eip155:31337/erc20:0x00000000000000000000000000000000000000aa"};
inline const core::AssetId kOtherToken{"eip155:31337/erc20:0x00000000000000000000000000000000000000bb"};
inline constexpr core::Instant kDeadline = core::Instant::from_unix_seconds(1000);

inline core::Units units(std::uint64_t value) { return core::Units{value}; }

inline core::Address address(std::uint8_t last) {
    core::Bytes bytes(20, 0x11);
    bytes.back() = last;
    return core::Address::from_bytes(bytes).value();
}

inline session::DepositItem deposit(std::int64_t id, std::uint64_t amount) {
    return {core::DepositId{id}, kToken, units(amount), core::Instant::from_unix_seconds(500), true};
}
inline session::DepositItem late(session::DepositItem item) {
    item.mined_at = core::Instant::from_unix_seconds(1001);
    return item;
}
inline session::DepositItem other_token(session::DepositItem item) {
    item.asset = kOtherToken;
    item.can_fund = false;
    return item;
}

inline session::Session open_session() {
    session::Session s;
    s.id = core::SessionId{std::string(32, 'a')};
    s.destination = {kToken, address(1), units(100), {}};
    s.refund_address = address(2);
    s.policy.overpaid = session::Overpaid::kRefundExcess;
    s.expires_at = kDeadline;
    return s;
}
inline session::Session in_state(session::State state) {
    session::Session s = open_session();
    s.state = state;
    s.waiting_state = session::is_waiting(state) ? state : session::State::kSourceSet;
    return s;
}
inline session::Session with_tally(session::Session s, std::uint64_t detected, std::uint64_t confirmed) {
    s.tallies = {{kToken, units(detected), units(confirmed)}};
    return s;
}
inline session::Session funded(session::State state, std::uint64_t received, std::uint64_t excess) {
    session::Session s = with_tally(in_state(state), 0, received);
    s.funding = session::Funding{kToken, units(received), units(received - excess), units(excess)};
    return s;
}
inline session::Session held(session::State from, session::Reason reason) {
    session::Session s = funded(session::State::kHeld, 100, 0);
    s.held_from = from;
    s.reason = reason;
    return s;
}

//! One session or more in each state, with a name.
inline std::vector<std::pair<std::string, session::Session>> every_state() {
    using session::Reason;
    using session::State;
    auto no_refund = held(State::kRefunding, Reason::kNoRefundAddress);
    no_refund.refund_address.reset();
    auto delivering_no_refund = funded(State::kDelivering, 100, 0);
    delivering_no_refund.refund_address.reset();
    return {
        {"created", in_state(State::kCreated)},
        {"source_set", in_state(State::kSourceSet)},
        {"source_set, 40 detected", with_tally(in_state(State::kSourceSet), 40, 0)},
        {"source_set, 40 confirmed", with_tally(in_state(State::kSourceSet), 0, 40)},
        {"quoted", in_state(State::kQuoted)},
        {"signing", in_state(State::kSigning)},
        {"submitted", in_state(State::kSubmitted)},
        {"submitted, 40 detected", with_tally(in_state(State::kSubmitted), 40, 0)},
        {"detected, 100 detected", with_tally(in_state(State::kDetected), 100, 0)},
        {"detected, 40 detected and 60 confirmed", with_tally(in_state(State::kDetected), 40, 60)},
        {"delivering", funded(State::kDelivering, 100, 0)},
        {"delivering, 50 over", funded(State::kDelivering, 150, 50)},
        {"delivering, no refund address", delivering_no_refund},
        {"refunding", funded(State::kRefunding, 100, 0)},
        {"held while delivering", held(State::kDelivering, Reason::kPayoutHeld)},
        {"held while refunding", held(State::kRefunding, Reason::kPayoutHeld)},
        {"held, refund impossible", held(State::kRefunding, Reason::kRefundImpossible)},
        {"held, no refund address", no_refund},
        {"delivered", funded(State::kDelivered, 100, 0)},
        {"refunded", funded(State::kRefunded, 100, 0)},
        {"expired", in_state(State::kExpired)},
        {"cancelled", in_state(State::kCancelled)},
        {"source_failed", in_state(State::kSourceFailed)},
    };
}

}  // namespace support
