#include "api/sessions_api.hpp"

#include "api/impl/payable.hpp"
#include "api/impl/session_access.hpp"
#include "api/impl/session_jobs.hpp"
#include "session/views.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace api {
namespace {

using impl::Created;
using nlohmann::json;

Problem create_problem(Created::How how) {
    if (how == Created::How::kKeyReused) {
        return conflict("idempotency_conflict",
                        "This Idempotency-Key was used before with a different request.");
    }
    const std::string param =
        how == Created::How::kPaysReceiver ? "destination.address" : "refundAddress";
    return invalid_parameter(param, param + " is a deposit address of this service.");
}

//! Reasons may quote a node: what is not UTF-8 is shown as such instead of throwing.
std::string text_of(const json& body) {
    return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

//! Why this payment method cannot be had here; none when it can.
std::optional<Problem> refused_method(const std::string& type) {
    constexpr const char* kParam = "paymentMethod.type";
    if (type == "evm") return std::nullopt;
    if (type == "tron" || type == "solana") {
        const std::string name = type == "tron" ? "Tron" : "Solana";
        return impossible("payment_method_not_configured",
                          name + " is not set up here. Offered: evm.", kParam);
    }
    return impossible("payment_method_not_allowed",
                      "This payment method is not offered. Offered: evm.", kParam);
}

//! Stored states that may show this status; rows are filtered again by their own.
std::vector<session::State> states_of(const std::string& status) {
    std::vector<session::State> out;
    if (status.empty()) return out;
    for (const session::State state : session::kAllStates) {
        session::Session probe;
        probe.state = state;
        const bool shows = session::sessions_api_status(probe) == status;
        const bool may = state == session::State::kSubmitted && status == "processing";
        if (shows || may) out.push_back(state);
    }
    return out;
}

}  // namespace

void SessionsApi::add_routes(Router& router) {
    router.add("POST", "/v1/sessions", [this](Request r) { return create(std::move(r)); });
    router.add("GET", "/v1/sessions", [this](Request r) { return list(std::move(r)); });
    router.add("GET", "/v1/sessions/{id}", [this](Request r) { return retrieve(std::move(r)); });
    router.add("POST", "/v1/sessions/{id}/paymentMethods",
               [this](Request r) { return set_method(std::move(r)); });
    router.add("PUT", "/v1/sessions/{id}/check", [this](Request r) { return check(std::move(r)); });
}

core::Task<Response> SessionsApi::create(Request request) {
    auto caller = co_await needs_.auth.caller(std::string{request.header("authorization")});
    if (!caller) co_return problem_response(caller.problem());
    auto key = parse_idempotency_key(request.header("idempotency-key"));
    if (!key) co_return problem_response(key.problem());
    auto order = parse_create_session(request.body, needs_.chains, needs_.own);
    if (!order) co_return problem_response(order.problem());

    auto job = [row = new_row(*order, *caller), key = *key, hash = order->hash](
                   db::UnitOfWork& work) { return impl::create_session(work, row, key, hash); };
    auto created = co_await needs_.database.write<Created>(std::move(job));
    if (!created) co_return problem_response(storage_failed(created.error(), request.request_id));
    const Created::How how = created->how;
    if (how != Created::How::kNew && how != Created::How::kRepeated) {
        co_return problem_response(create_problem(how));
    }
    if (how == Created::How::kNew) {
        const auto& session = created->facts.row.session;
        needs_.log.info("session created", {{"session", session.id.text()},
                                            {"environment", caller->id.text()},
                                            {"asset", session.destination.asset.text()},
                                            {"request", request.request_id}});
    }
    co_return session_response(201, created->facts, Audience::kOwner);
}

core::Task<Response> SessionsApi::list(Request request) {
    auto caller = co_await needs_.auth.caller(std::string{request.header("authorization")});
    if (!caller) co_return problem_response(caller.problem());
    auto wanted = parse_list(request.query);
    if (!wanted) co_return problem_response(wanted.problem());
    db::SessionFilter filter;
    filter.environment = caller->id;
    filter.states = states_of(wanted->status);
    filter.after = wanted->after;
    filter.limit = wanted->limit + 1;
    using Page = std::vector<SessionFacts>;
    auto job = [filter](db::UnitOfWork& work) -> core::Expected<Page> {
        auto rows = work.sessions().list(filter);
        if (!rows) return rows.error();
        Page page;
        for (db::SessionRow& row : *rows) {
            auto facts = impl::facts_of(work, std::move(row));
            if (!facts) return facts.error();
            page.push_back(std::move(*facts));
        }
        return page;
    };
    auto page = co_await needs_.database.read<Page>(std::move(job));
    if (!page && page.error().code == core::Errc::kNotFound) {
        co_return problem_response(
            invalid_parameter("after", "after must be the sessionId of an earlier answer."));
    }
    if (!page) co_return problem_response(storage_failed(page.error(), request.request_id));
    const bool more = page->size() > wanted->limit;
    if (more) page->pop_back();
    json sessions = json::array();
    for (const SessionFacts& facts : *page) {
        const bool fits = wanted->status.empty() ||
                          session::sessions_api_status(facts.row.session) == wanted->status;
        if (fits) sessions.push_back(session_json(facts, needs_.chains, Audience::kOwner));
    }
    json body{{"sessions", std::move(sessions)}, {"hasMore", more}, {"nextAfter", nullptr}};
    if (more) body["nextAfter"] = page->back().row.session.id.text();
    Response response;
    response.body = text_of(body);
    co_return response;
}

core::Task<Response> SessionsApi::retrieve(Request request) {
    const std::string authorization{request.header("authorization")};
    std::optional<core::EnvironmentId> owner;
    if (!authorization.empty()) {
        auto caller = co_await needs_.auth.caller(authorization);
        if (!caller) co_return problem_response(caller.problem());
        owner = caller->id;
    }
    const core::SessionId id{request.captures.at(0)};
    auto reading = owner ? load_in_full(id, request.request_id) : load(id, request.request_id);
    auto facts = co_await std::move(reading);
    if (!facts) co_return problem_response(facts.problem());
    // Whether a session of somebody else exists is nobody's business.
    if (owner && *owner != facts->row.environment) co_return problem_response(impl::no_session());
    co_return session_response(200, *facts, owner ? Audience::kOwner : Audience::kPublic);
}

core::Task<Response> SessionsApi::set_method(Request request) {
    auto wanted = parse_set_method(request.body);
    if (!wanted) co_return problem_response(wanted.problem());
    const std::string request_id = request.request_id;
    auto facts = co_await load_with_secret(std::move(request), wanted->client_secret);
    if (!facts) co_return problem_response(facts.problem());
    if (auto refused = refused_method(wanted->type)) co_return problem_response(*refused);
    auto issued = co_await impl::with_receiver(needs_, std::move(*facts), request_id);
    if (!issued) co_return problem_response(issued.problem());
    co_return session_response(200, *issued, Audience::kPublic);
}

core::Task<Response> SessionsApi::check(Request request) {
    auto wanted = parse_check(request.body);
    if (!wanted) co_return problem_response(wanted.problem());
    auto facts = co_await load_with_secret(std::move(request), wanted->client_secret);
    if (!facts) co_return problem_response(facts.problem());
    const auto& session = facts->row.session;
    if (!session::is_final(session.state)) needs_.nudge.look(session.id, wanted->tx_hash);
    co_return session_response(200, *facts, Audience::kPublic);
}

core::Task<Checked<SessionFacts>> SessionsApi::load(core::SessionId id, std::string request_id) {
    return impl::read_session(needs_.database, needs_.log, std::move(id), std::move(request_id));
}

core::Task<Checked<SessionFacts>> SessionsApi::load_in_full(core::SessionId id,
                                                            std::string request_id) {
    using Found = std::optional<SessionFacts>;
    auto job = [id](db::UnitOfWork& work) { return impl::load_in_full(work, id); };
    auto found = co_await needs_.database.read<Found>(std::move(job));
    if (!found) co_return storage_failed(found.error(), request_id);
    if (!*found) co_return impl::no_session();
    co_return std::move(**found);
}

core::Task<Checked<SessionFacts>> SessionsApi::load_with_secret(Request request,
                                                                std::string secret) {
    return impl::read_with_secret(needs_.database, needs_.log,
                                  core::SessionId{request.captures.at(0)}, std::move(secret),
                                  std::move(request.request_id));
}

db::SessionRow SessionsApi::new_row(const CreateSession& order,
                                    const db::Environment& environment) {
    const core::Instant now = needs_.clock.now();
    db::SessionRow row;
    row.session.id = core::SessionId{needs_.rng.hex(16)};
    row.session.destination = order.destination;
    row.session.refund_address = order.refund_address;
    row.session.policy = environment.policy;
    row.session.expires_at = now + options_.time_to_pay;
    row.environment = environment.id;
    row.client_secret = needs_.rng.hex(16);
    row.display_json = order.display_json;
    row.metadata_json = order.metadata_json;
    row.created_at = now;
    row.updated_at = now;
    return row;
}

Response SessionsApi::session_response(int status, const SessionFacts& facts,
                                       Audience audience) const {
    Response response;
    response.status = status;
    response.body = text_of(json{{"session", session_json(facts, needs_.chains, audience)}});
    return response;
}

Problem SessionsApi::storage_failed(const core::Error& error, std::string_view request_id) const {
    return impl::storage_failed(needs_.log, error, request_id);
}

}  // namespace api
