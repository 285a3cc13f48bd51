#pragma once

#include <vector>

#include "core/expected.hpp"
#include "session/types.hpp"

namespace session {

struct Step {
    Session next;
    std::vector<Effect> effects;
};

//! What a session becomes by an event, and the rows to write with it. Pure and total: the whole
//! state × event matrix stands in tests/golden/session_matrix.txt. Facts about money are accepted in
//! every state. kRefused is for requests of people that the state does not allow (set a method on a
//! final session), and for payout results that no payout of this state can give, which the caller
//! treats as a broken invariant.
core::Expected<Step> transition(const Session& session, const Event& event);

//! Least amount that counts as paid: the asked amount less the tolerance, rounded up.
core::Units enough(const Destination& destination, const Policy& policy);

}  // namespace session
