#include "api/operator_api.hpp"

#include "api/impl/fields.hpp"
#include "net/json.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace api {
namespace {

using nlohmann::json;

Response json_response(int status, const json& body) {
    Response response;
    response.status = status;
    response.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    return response;
}

Response answer(const core::Expected<json>& result) {
    return result ? json_response(200, *result) : problem_response(from_error(result.error()));
}

//! A browser sends this type across origins only after a preflight, which this listener refuses: a
//! page that an operator happens to look at can't press these buttons.
Checked<json> parse_action(const Request& request) {
    if (!request.header("content-type").starts_with("application/json")) {
        return invalid_parameter("Content-Type", "Content-Type must be application/json.");
    }
    auto body = net::parse_strict(request.body);
    if (!body)
        return invalid_parameter("body", "The body is not usable JSON: " + body.error().message);
    if (!body->is_object()) return invalid_parameter("body", "The body must be a JSON object.");
    return std::move(*body);
}

Checked<std::string> parse_by(const Request& request) {
    auto body = parse_action(request);
    if (!body) return body.problem();
    return impl::required_text(*body, "by", "by", 100);
}

core::Expected<json> counts(db::UnitOfWork& work) {
    auto sessions = work.sessions().count_by_state();
    if (!sessions) return sessions.error();
    auto payouts = work.payouts().count_by_status();
    if (!payouts) return payouts.error();
    json out{{"sessions", json::object()}, {"payouts", json::object()}};
    for (const auto& [state, count] : *sessions) {
        out["sessions"][std::string{session::to_string(state)}] = count;
    }
    for (const auto& [status, count] : *payouts) {
        out["payouts"][std::string{db::to_string(status)}] = count;
    }
    return out;
}

core::Expected<json> held_payouts(db::UnitOfWork& work) {
    auto held = work.payouts().held();
    if (!held) return held.error();
    json out = json::array();
    for (const db::PayoutFull& full : *held) {
        const db::Payout& payout = full.payout;
        out.push_back({{"id", payout.id.value},
                       {"leg", db::to_string(payout.leg)},
                       {"status", db::to_string(payout.status)},
                       {"asset", payout.asset.text()},
                       {"baseUnits", payout.units.decimal()},
                       {"session", payout.session ? json(payout.session->text()) : json(nullptr)},
                       {"reason", payout.reason},
                       {"since", payout.updated_at.unix_seconds()}});
    }
    return out;
}

core::Expected<json> chain_states(db::UnitOfWork& work) {
    auto tips = work.blocks().tips();
    if (!tips) return tips.error();
    auto halts = work.blocks().open_halts();
    if (!halts) return halts.error();
    json out = json::array();
    for (const auto& [chain, tip] : *tips) {
        json entry{{"chain", chain.text()},
                   {"height", tip.height},
                   {"minedAt", tip.mined_at.unix_seconds()},
                   {"halts", json::array()}};
        for (const db::Halt& halt : *halts) {
            if (halt.chain != chain) continue;
            entry["halts"].push_back(
                {{"reason", halt.reason}, {"since", halt.since.unix_seconds()}});
        }
        out.push_back(std::move(entry));
    }
    return out;
}

core::Expected<json> read_status(db::UnitOfWork& work) {
    auto out = counts(work);
    if (!out) return out.error();
    auto held = held_payouts(work);
    if (!held) return held.error();
    auto chains = chain_states(work);
    if (!chains) return chains.error();
    (*out)["heldPayouts"] = std::move(*held);
    (*out)["chains"] = std::move(*chains);
    return std::move(*out);
}

}  // namespace

void OperatorApi::add_routes(Router& router) {
    using Method = core::Task<Response> (OperatorApi::*)(Request);
    const auto add = [this, &router](const char* verb, const char* pattern, Method method) {
        router.add(verb, pattern,
                   [this, method](Request r) { return (this->*method)(std::move(r)); });
    };
    add("GET", "/healthz", &OperatorApi::healthz);
    add("GET", "/readyz", &OperatorApi::readyz);
    add("GET", "/metrics", &OperatorApi::metrics);
    add("GET", "/operator/status", &OperatorApi::status);
    add("POST", "/operator/replays", &OperatorApi::start_replay);
    add("GET", "/operator/replays/{id}", &OperatorApi::replay);
    add("POST", "/operator/halts/{chain}/acknowledge", &OperatorApi::acknowledge);
    add("POST", "/operator/payouts/{id}/resume", &OperatorApi::resume);
}

std::optional<Problem> OperatorApi::forbidden(const Request& request) const {
    if (options_.token.empty()) return std::nullopt;
    const std::string expected = "Bearer " + options_.token;
    const bool same = core::equal_constant_time(core::bytes_of(request.header("authorization")),
                                                core::bytes_of(expected));
    if (same) return std::nullopt;
    return unauthorized("invalid_operator_token", "The operator's token is missing or wrong.");
}

core::Task<Response> OperatorApi::healthz(Request) {
    auto job = [](db::UnitOfWork&) -> core::Expected<core::Done> { return core::Done{}; };
    auto written = co_await database_.run_write(std::move(job));
    if (!written) {
        co_return json_response(503, {{"ok", false}, {"why", written.error().message}});
    }
    co_return json_response(200, {{"ok", true}});
}

core::Task<OperatorView::Halts> OperatorApi::halts() {
    auto job = [](db::UnitOfWork& work) { return work.blocks().open_halts(); };
    auto open = co_await database_.read<std::vector<db::Halt>>(std::move(job));
    if (!open) {
        log_.warn("cannot read which chains are halted", {{"error", open.error().message}});
    }
    co_return open;
}

json OperatorApi::components_json(const OperatorView::Halts& halts) const {
    json out = json::array();
    for (const ComponentStatus& component : view_.components(halts)) {
        json entry{{"name", component.name}, {"ready", component.ready}};
        if (!component.why.empty()) entry["why"] = component.why;
        out.push_back(std::move(entry));
    }
    return out;
}

core::Task<Response> OperatorApi::readyz(Request) {
    const OperatorView::Halts open = co_await halts();
    const json components = components_json(open);
    const bool ready = std::all_of(components.begin(), components.end(), [](const json& component) {
        return component["ready"].get<bool>();
    });
    co_return json_response(ready ? 200 : 503, {{"ready", ready}, {"components", components}});
}

core::Task<Response> OperatorApi::metrics(Request) {
    const OperatorView::Halts open = co_await halts();
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = view_.metrics_text(open);
    co_return response;
}

core::Task<Response> OperatorApi::status(Request request) {
    if (auto problem = forbidden(request)) co_return problem_response(*problem);
    const OperatorView::Halts open = co_await halts();
    auto job = [](db::UnitOfWork& work) { return read_status(work); };
    auto result = co_await database_.read<json>(std::move(job));
    if (result) {
        (*result)["components"] = components_json(open);
        (*result)["now"] = clock_.now().unix_seconds();
    }
    co_return answer(result);
}

core::Task<Response> OperatorApi::start_replay(Request request) {
    if (auto problem = forbidden(request)) co_return problem_response(*problem);
    auto body = parse_action(request);
    if (!body) co_return problem_response(body.problem());
    auto result = co_await actions_.start_replay(std::move(*body));
    co_return result ? json_response(202, *result) : problem_response(from_error(result.error()));
}

core::Task<Response> OperatorApi::replay(Request request) {
    if (auto problem = forbidden(request)) co_return problem_response(*problem);
    auto result = co_await actions_.replay(request.captures.at(0));
    co_return answer(result);
}

core::Task<Response> OperatorApi::acknowledge(Request request) {
    if (auto problem = forbidden(request)) co_return problem_response(*problem);
    auto by = parse_by(request);
    if (!by) co_return problem_response(by.problem());
    auto chain = core::ChainId::from_text(request.captures.at(0));
    if (!chain) {
        co_return problem_response(
            invalid_parameter("chain", "The chain must look like eip155:8453."));
    }
    using Reasons = std::vector<std::string>;
    auto job = [chain = *chain, by = *by,
                now = clock_.now()](db::UnitOfWork& work) -> core::Expected<Reasons> {
        auto halts = work.blocks().open_halts();
        if (!halts) return halts.error();
        Reasons reasons;
        for (const db::Halt& halt : *halts) {
            if (halt.chain == chain) reasons.push_back(halt.reason);
        }
        if (reasons.empty()) return reasons;
        auto done = work.blocks().acknowledge_halts(chain, by, now);
        if (!done) return done.error();
        return reasons;
    };
    auto done = co_await database_.write<Reasons>(std::move(job));
    if (!done) co_return problem_response(from_error(done.error()));
    if (done->empty()) {
        co_return problem_response(not_found("no_halt", "Payouts on this chain are not halted."));
    }
    log_.warn("an operator acknowledged the halts of a chain",
              {{"chain", chain->text()}, {"by", *by}});
    co_return json_response(200, {{"chain", chain->text()}, {"acknowledged", true}, {"reasons", *done}});
}

core::Task<Response> OperatorApi::resume(Request request) {
    if (auto problem = forbidden(request)) co_return problem_response(*problem);
    auto by = parse_by(request);
    if (!by) co_return problem_response(by.problem());
    auto number = core::Units::from_decimal(request.captures.at(0));
    auto id = number ? number->to_u64() : core::Expected<std::uint64_t>{number.error()};
    if (!id || *id > INT64_MAX) {
        co_return problem_response(invalid_parameter("id", "The payout's id must be a number."));
    }
    const core::PayoutId payout{static_cast<std::int64_t>(*id)};
    auto result = co_await actions_.resume_payout(payout, *by);
    if (result) log_.warn("an operator resumed a payout", {{"payout", payout.value}, {"by", *by}});
    co_return answer(result);
}

}  // namespace api
