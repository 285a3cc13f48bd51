#include "api/sdk_api.hpp"

#include "api/impl/payable.hpp"
#include "api/impl/session_access.hpp"
#include "api/impl/session_jobs.hpp"
#include "api/sdk_view.hpp"

#include <algorithm>
#include <string>

namespace api {
namespace {

using nlohmann::json;

Response json_answer(const json& body) {
    Response response;
    response.body = body.dump();
    return response;
}

//! The same order once more. Its time to pay is as long as the first one's was.
db::SessionRow once_more(const db::SessionRow& old, core::Rng& rng, core::Instant now) {
    db::SessionRow row;
    row.session.id = core::SessionId{rng.hex(16)};
    row.session.destination = old.session.destination;
    row.session.refund_address = old.session.refund_address;
    row.session.policy = old.session.policy;
    row.session.expires_at = now + (old.session.expires_at - old.created_at);
    row.environment = old.environment;
    row.client_secret = rng.hex(16);
    row.display_json = old.display_json;
    row.metadata_json = old.metadata_json;
    row.created_at = now;
    row.updated_at = now;
    return row;
}

//! The modal calls it over in the second before, by the payer's clock.
constexpr core::Millis kClockOff{5'000};

//! Its time is over, and no money is on its way: a part of the amount will be returned, and is seen
//! to.
bool has_run_out(const session::Session& session, core::Instant now) {
    if (session.state == session::State::kExpired) return true;
    const bool nothing_came = std::all_of(
        session.tallies.begin(), session.tallies.end(), [](const session::Tally& tally) {
            return tally.detected.is_zero() && tally.confirmed.is_zero();
        });
    return session::is_waiting(session.state) && now + kClockOff >= session.expires_at &&
           nothing_came;
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
    if (asked.token) asked.balance = co_await wallets_.balance(asset, *owner);
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
    const core::Instant now = needs_.clock.now();
    const auto& session = facts->row.session;
    // Money that is on its way, or was, belongs to this session: a second one would be paid twice.
    if (!impl::can_be_paid(session, now) && !has_run_out(session, now)) {
        co_return problem_response(impossible(
            "session_not_payable", "This payment is under way or over; it can't be begun again."));
    }
    if (has_run_out(session, now)) {
        facts = co_await successor(std::move(*facts), request.request_id);
        if (!facts) co_return problem_response(facts.problem());
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
    const std::string id = old.row.session.id.text();
    // What is configured may have changed since: nobody would see a payment, or it would be ours.
    const auto& destination = old.row.session.destination;
    const auto token = needs_.chains.token(destination.asset);
    if (!token || token->refused || needs_.own.is_own(destination.address)) {
        co_return impossible("session_not_payable", "This payment is not possible here any more.");
    }
    // Anyone with the page may call this as often as they like: one session has one successor. No
    // caller's own key has a space in it.
    auto job = [row = once_more(old.row, needs_.rng, needs_.clock.now()), key = "recreate " + id,
                hash = sha256_hex(id)](db::UnitOfWork& work) {
        return impl::create_session(work, row, key, hash);
    };
    using impl::Created;
    auto created = co_await needs_.database.write<Created>(std::move(job));
    if (!created) co_return impl::storage_failed(needs_.log, created.error(), request_id);
    if (created->how != Created::How::kNew && created->how != Created::How::kRepeated) {
        co_return impl::not_payable(old.row.session);
    }
    if (created->how == Created::How::kNew) {
        needs_.log.info("session created again", {{"session", created->facts.row.session.id.text()},
                                                  {"instead_of", id},
                                                  {"request", request_id}});
    }
    co_return std::move(created->facts);
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
