#include "api/sdk_api.hpp"

#include "api/impl/payable.hpp"
#include "api/impl/session_access.hpp"
#include "api/impl/successors.hpp"
#include "api/sdk_view.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace api {
namespace {

using nlohmann::json;

Response json_answer(const json& body) {
    Response response;
    response.body = body.dump();
    return response;
}

//! Why it is not begun again.
Problem not_again(const session::Session& session) {
    const bool nothing_came = std::all_of(
        session.tallies.begin(), session.tallies.end(), [](const session::Tally& tally) {
            return tally.detected.is_zero() && tally.confirmed.is_zero();
        });
    // Its time is over by our clock, but the blocks of that time were not all read yet.
    if (session::is_waiting(session.state) && nothing_came) {
        return conflict("session_not_over",
                        "We are still checking whether a payment came in time. Please try again in "
                        "a moment.");
    }
    // Money that is on its way, or was, belongs to this session: a second one would be paid twice.
    return impossible("session_not_payable",
                      "This payment is under way or over; it can't be begun again.");
}

}  // namespace

void SdkApi::add_routes(Router& router) {
    using Method = core::Task<Response> (SdkApi::*)(Request);
    const auto add = [this, &router](const char* verb, const char* path, Method method) {
        router.add(verb, std::string{"/v1/sessions/{id}/"} + path,
                   [this, method](Request r) { return (this->*method)(std::move(r)); });
    };
    add("GET", "tokenOptions", &SdkApi::token_options);
    add("GET", "internal/walletOptions", &SdkApi::wallet_options);
    add("GET", "internal/nav", &SdkApi::nav);
    add("POST", "internal/nav", &SdkApi::nav_event);
    add("POST", "internal/recreate", &SdkApi::recreate);
}

core::Task<Checked<SessionFacts>> SdkApi::load(const Request& request, std::string secret) {
    return impl::read_with_secret(needs_.database, needs_.log,
                                  core::SessionId{request.captures.at(0)}, std::move(secret),
                                  request.request_id);
}

core::Task<Checked<SdkApi::Asked>> SdkApi::ask(Request request) {
    auto wanted = parse_wallet_query(request.query);
    if (!wanted) co_return wanted.problem();
    auto facts = co_await load(request, wanted->client_secret);
    if (!facts) co_return facts.problem();
    const core::AssetId asset = facts->row.session.destination.asset;
    std::optional<core::Address> owner;
    if (!wanted->evm_address.empty()) {
        auto parsed = needs_.chains.parse_address(asset.chain(), wanted->evm_address);
        if (!parsed) {
            co_return invalid_parameter("evmAddress", "evmAddress: " + parsed.error().message);
        }
        owner = *parsed;
    }
    Asked asked;
    asked.facts = std::move(*facts);
    const auto chain = needs_.chains.by_id(asset.chain());
    const bool payable = impl::can_be_paid(asked.facts.row.session, needs_.clock.now());
    if (!payable || !owner || !chain) co_return asked;
    // The one route there is begins with the token that the destination wants, on its own chain.
    asked.token = needs_.chains.token(asset);
    asked.chain_number = chain->number;
    if (!asked.token) co_return asked;
    const core::SessionId id = asked.facts.row.session.id;
    asked.balance = co_await wallets_.balance(asset, *owner, id);
    co_return asked;
}

core::Task<Response> SdkApi::token_options(Request request) {
    auto asked = co_await ask(std::move(request));
    if (!asked) co_return problem_response(asked.problem());
    const auto& session = asked->facts.row.session;
    json options = json::array();
    if (asked->token) {
        options.push_back(
            token_option(*asked->token, asked->chain_number, still_asked(session), asked->balance));
    }
    const json body{{"sessionId", session.id.text()}, {"options", std::move(options)}};
    co_return json_answer(body);
}

core::Task<Response> SdkApi::wallet_options(Request request) {
    auto asked = co_await ask(std::move(request));
    if (!asked) co_return problem_response(asked.problem());
    json options = json::array();
    if (asked->token && is_dollar(*asked->token)) {
        options.push_back(wallet_option(*asked->token, asked->chain_number,
                                        still_asked(asked->facts.row.session), asked->balance));
    }
    co_return json_answer(options);
}

core::Task<Response> SdkApi::nav(Request request) {
    auto secret = parse_query_secret(request.query);
    if (!secret) co_return problem_response(secret.problem());
    auto facts = co_await load(request, *secret);
    if (!facts) co_return problem_response(facts.problem());
    auto shown = co_await ready(std::move(*facts), request.request_id);
    if (!shown) co_return problem_response(shown.problem());
    const json body{{"session", with_menu(*shown)}};
    co_return json_answer(body);
}

core::Task<Response> SdkApi::nav_event(Request request) {
    auto secret = parse_nav_event(request.body);
    if (!secret) co_return problem_response(secret.problem());
    auto facts = co_await load(request, *secret);
    if (!facts) co_return problem_response(facts.problem());
    Response response;
    response.status = 204;
    co_return response;
}

core::Task<Response> SdkApi::recreate(Request request) {
    auto secret = parse_body_secret(request.body);
    if (!secret) co_return problem_response(secret.problem());
    auto facts = co_await load(request, *secret);
    if (!facts) co_return problem_response(facts.problem());
    if (facts->row.session.state == session::State::kExpired) {
        facts = co_await successor(std::move(*facts), request.request_id);
        if (!facts) co_return problem_response(facts.problem());
    } else if (!impl::can_be_paid(facts->row.session, needs_.clock.now())) {
        co_return problem_response(not_again(facts->row.session));
    }
    auto shown = co_await ready(std::move(*facts), request.request_id);
    if (!shown) co_return problem_response(shown.problem());
    json out = with_menu(*shown);
    out["clientSecret"] = shown->row.client_secret;
    const json body{{"session", std::move(out)}};
    co_return json_answer(body);
}

core::Task<Checked<SessionFacts>> SdkApi::ready(SessionFacts facts, std::string request_id) {
    if (!impl::can_be_paid(facts.row.session, needs_.clock.now())) {
        Checked<SessionFacts> same{std::move(facts)};
        co_return same;
    }
    co_return co_await impl::with_receiver(needs_, std::move(facts), std::move(request_id));
}

core::Task<Checked<SessionFacts>> SdkApi::successor(SessionFacts old, std::string request_id) {
    // Anyone with the page may call this as often as they like: what is there already costs no
    // write.
    auto job = [old = std::move(old)](db::UnitOfWork& work) {
        return impl::last_of_order(work, old);
    };
    auto last = co_await needs_.database.read<SessionFacts>(std::move(job));
    if (!last) co_return impl::storage_failed(needs_.log, last.error(), request_id);
    const auto& session = last->row.session;
    if (session.state == session::State::kExpired) {
        co_return co_await open_again(std::move(last->row), std::move(request_id));
    }
    const bool over = needs_.clock.now() >= session.expires_at;
    if (session::is_waiting(session.state) && over) co_return not_again(session);
    co_return std::move(*last);
}

core::Task<Checked<SessionFacts>> SdkApi::open_again(db::SessionRow old, std::string request_id) {
    // What is configured may have changed since: nobody would see a payment, or it would be ours.
    const auto& destination = old.session.destination;
    const auto& refund = old.session.refund_address;
    const auto token = needs_.chains.token(destination.asset);
    const bool ours =
        needs_.own.is_own(destination.address) || (refund && needs_.own.is_own(*refund));
    if (!token || token->refused || ours) {
        co_return impossible("session_not_payable", "This payment is not possible here any more.");
    }
    const core::SessionId id = old.session.id;
    using Again = std::optional<impl::Created>;
    auto job = [id, row = impl::once_more(old, needs_.rng, needs_.clock.now())](
                   db::UnitOfWork& work) { return impl::create_successor(work, id, row); };
    auto again = co_await needs_.database.write<Again>(std::move(job));
    if (!again) co_return impl::storage_failed(needs_.log, again.error(), request_id);
    if (!*again) co_return not_again(old.session);
    using How = impl::Created::How;
    impl::Created& created = **again;
    if (created.how != How::kNew && created.how != How::kRepeated) {
        co_return impl::not_payable(old.session);
    }
    if (created.how == How::kNew) {
        needs_.log.info("session created again", {{"session", created.facts.row.session.id.text()},
                                                  {"instead_of", id.text()},
                                                  {"request", request_id}});
    }
    co_return std::move(created.facts);
}

json SdkApi::with_menu(const SessionFacts& facts) const {
    const bool payable = impl::can_be_paid(facts.row.session, needs_.clock.now());
    json out = session_json(facts, needs_.chains, Audience::kPublic);
    out["navTree"] = nav_tree(facts, needs_.chains, payable);
    // What the modal links to from here is looked for where its page came from.
    out["baseUrl"] = "";
    return out;
}

}  // namespace api
