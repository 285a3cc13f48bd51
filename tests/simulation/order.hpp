#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/chain_types.hpp"
#include "core/time.hpp"
#include "core/units.hpp"
#include "tests/simulation/state.hpp"

namespace simulation {

//! How an environment wants amounts to be treated, as its operator configured it.
struct Terms {
    std::string name;
    std::string key;  //!< of the API
    unsigned tolerance_bps = 100;
    bool accepts_underpaid = false;
    bool refunds_excess = false;
    bool is_listening = false;  //!< its webhooks are registered: sessions may be opened
};

//! One payment as merchant and customer know it: what they asked for and what they were told.
struct Order {
    std::size_t number = 0;
    std::size_t chain = 0;
    const Terms* terms = nullptr;
    Asset asset = kNative;
    core::Units units;  //!< zero: whatever comes
    core::Address destination;
    std::optional<core::Address> refund;

    // As the API said.
    std::string session;
    std::string secret;
    core::Address receiver;  //!< empty until there is one
    core::Instant expires_at;
    std::string status;
    std::string last_view;  //!< the whole answer, for reports

    //! So often the service was up, and could not say where to pay.
    unsigned addresses_refused = 0;
    //! The token refused transfers from or to one of its addresses for a while: it may bounce.
    bool was_refused = false;
    bool is_final() const {
        return status == "succeeded" || status == "bounced" || status == "expired";
    }
};

}  // namespace simulation
