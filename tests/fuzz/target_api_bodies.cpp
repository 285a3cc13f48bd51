// Bodies that callers and payers send to the sessions API.

#include "api/session_request.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/unit/api/fakes.hpp"

namespace fuzz_api_bodies {

using fuzz::json;

//! A refusal is the caller's fault, and can be told.
void check_problem(const api::Problem& problem) {
    MUST(problem.status == 400 && !problem.message.empty());
    const auto response = api::problem_response(problem);
    const json body = fuzz::loose(response.body);
    MUST(body.is_object() && body.contains("error") && body["error"].is_object());
}

void check_destination(const session::Destination& destination, const api::Chains& chains) {
    const auto token = chains.token(destination.asset);
    MUST(token && !token->refused);
    MUST(chains.by_id(destination.asset.chain()));
    MUST(destination.address.view().size() == 20 && !destination.address.is_zero());
    MUST(!api_test::FakeOwn{}.is_own(destination.address));
    MUST(!chains.token_at(destination.asset.chain(), destination.address));
    if (destination.units) MUST(!destination.units->is_zero());
}

void create(std::string_view input) {
    const api_test::FakeChains chains;
    const api_test::FakeOwn own;
    const auto made = api::parse_create_session(input, chains, own);
    if (!made) return check_problem(made.problem());
    check_destination(made->destination, chains);
    if (made->refund_address) {
        MUST(!made->refund_address->is_zero() && !own.is_own(*made->refund_address));
    }
    const json display = fuzz::loose(made->display_json);
    MUST(display.is_object() && display["title"].is_string() && display["verb"].is_string());
    const json metadata = fuzz::loose(made->metadata_json);
    MUST(metadata.is_object() || metadata.is_null());
    MUST(made->hash.size() == 64);
    // Key order and spaces do not count.
    const json body = fuzz::loose(input);
    const std::string spaced = body.dump(2);
    if (spaced.size() > 64 * 1024) return;
    const auto again = api::parse_create_session(spaced, chains, own);
    MUST(again && again->hash == made->hash && again->display_json == made->display_json &&
         again->metadata_json == made->metadata_json &&
         again->destination.units == made->destination.units);
}

void others(std::string_view input) {
    if (const auto method = api::parse_set_method(input)) {
        MUST(!method->client_secret.empty() && !method->type.empty());
    } else {
        check_problem(method.problem());
    }
    if (const auto look = api::parse_check(input)) {
        MUST(!look->client_secret.empty() && look->tx_hash.size() <= 4 * 4096);
    } else {
        check_problem(look.problem());
    }
}

}  // namespace fuzz_api_bodies

FUZZ_TARGET(api_bodies) {
    fuzz_api_bodies::create(input);
    fuzz_api_bodies::others(input);
}
