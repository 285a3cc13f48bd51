#include "core/check.hpp"
#include "net/impl/endpoint_pool_impl.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <map>
#include <set>

namespace net {

namespace asio = boost::asio;

core::Task<ReplyResult> EndpointPool::Impl::ask(std::size_t index, RpcCall call,
                                                core::Millis timeout, bool paced) {
    std::vector<RpcCall> calls;
    calls.push_back(std::move(call));
    RepliesResult replies;
    if (paced) {
        CallOptions only_this;
        only_this.endpoint = index;
        only_this.timeout = timeout;
        replies = co_await resolve(std::move(calls), only_this);
    } else {
        endpoints[index].take(1, clock.tick());
        replies = co_await attempt(index, std::move(calls), timeout, true);
    }
    if (!replies) co_return replies.error();
    co_return std::move(replies->front());
}

core::Task<std::vector<ReplyResult>> EndpointPool::Impl::ask_all(std::vector<std::size_t> indices,
                                                                 RpcCall call, core::Millis timeout,
                                                                 bool paced) {
    const auto executor = co_await asio::this_coro::executor;
    using Operation =
        decltype(asio::co_spawn(executor, ask(0, call, timeout, paced), asio::deferred));
    std::vector<Operation> operations;
    operations.reserve(indices.size());
    for (const auto index : indices) {
        operations.push_back(
            asio::co_spawn(executor, ask(index, call, timeout, paced), asio::deferred));
    }
    auto group = asio::experimental::make_parallel_group(std::move(operations));
    auto [order, thrown, replies] =
        co_await group.async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
    // Nothing but a cancellation is ever thrown, and it is the caller's own.
    for (const auto& exception : thrown) {
        if (exception) std::rethrow_exception(exception);
    }
    co_return std::move(replies);
}

std::vector<std::size_t> EndpointPool::Impl::quorum_order() {
    const auto now = clock.tick();
    std::vector<std::size_t> by_health;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
        if (!endpoints[i].quarantined) by_health.push_back(i);
    }
    std::stable_sort(by_health.begin(), by_health.end(), [&](std::size_t a, std::size_t b) {
        return endpoints[a].score(1, now) < endpoints[b].score(1, now);
    });
    std::set<std::string_view> operators;
    std::stable_partition(by_health.begin(), by_health.end(), [&](std::size_t i) {
        return operators.insert(endpoints[i].operator_name()).second;
    });
    return by_health;
}

namespace {

//! What was said so far.
struct Votes {
    struct Camp {
        RpcReply reply;
        std::vector<std::size_t> members;
    };

    const Camp* best() const {
        const Camp* out = nullptr;
        for (const auto& [value, camp] : camps) {
            if (out == nullptr || camp.members.size() > out->members.size()) out = &camp;
        }
        return out;
    }

    std::map<std::string, Camp> camps;
    std::vector<std::pair<std::size_t, core::Error>> failures;
};

void count_vote(Votes& votes, std::size_t index, ReplyResult reply, const Normaliser& normaliser) {
    if (!reply) {
        votes.failures.emplace_back(index, reply.error());
        return;
    }
    const auto result = reply->result();
    if (!result) {
        votes.failures.emplace_back(index, result.error());
        return;
    }
    auto value = normaliser(*result);
    if (!value) {
        votes.failures.emplace_back(index, value.error());
        return;
    }
    const auto found = votes.camps.find(*value);
    if (found != votes.camps.end()) {
        found->second.members.push_back(index);
        return;
    }
    votes.camps.emplace(std::move(*value), Votes::Camp{std::move(*reply), {index}});
}

}  // namespace

core::Task<core::Expected<QuorumReply>> EndpointPool::agree(RpcCall call, std::size_t quorum,
                                                            Normaliser normaliser,
                                                            CallOptions options) {
    CHECK(quorum > 0, "a quorum of none proves nothing");
    auto& impl = *impl_;
    const auto deadline = impl.clock.tick() + options.timeout;
    const auto order = impl.quorum_order();
    if (order.size() < quorum) {
        co_return core::Error{core::Errc::kNoQuorum, "a quorum of " + std::to_string(quorum) +
                                                         " on " + impl.chain.text() + " has only " +
                                                         std::to_string(order.size()) +
                                                         " endpoints to ask"};
    }
    Votes votes;
    std::size_t asked = 0;
    std::size_t missing = quorum;
    while (missing > 0 && asked < order.size()) {
        const auto left = deadline - impl.clock.tick();
        if (left <= core::Millis::zero()) break;
        const auto end = std::min(order.size(), asked + missing);
        std::vector<std::size_t> wave{order.begin() + static_cast<std::ptrdiff_t>(asked),
                                      order.begin() + static_cast<std::ptrdiff_t>(end)};
        asked = end;
        const auto timeout = asked < order.size() ? (left + core::Millis{1}) / 2 : left;
        auto replies = co_await impl.ask_all(wave, call, timeout, true);
        for (std::size_t i = 0; i < wave.size(); ++i) {
            count_vote(votes, wave[i], std::move(replies[i]), normaliser);
        }
        const auto* best = votes.best();
        missing = quorum - std::min(quorum, best == nullptr ? 0 : best->members.size());
    }

    const auto* best = votes.best();
    if (best == nullptr) {
        const auto same = [&votes](const auto& failure) {
            return failure.second.code == votes.failures.front().second.code;
        };
        if (!votes.failures.empty() &&
            std::all_of(votes.failures.begin(), votes.failures.end(), same)) {
            co_return votes.failures.front().second;
        }
    }
    std::string disagreement;
    std::vector<std::string> others;
    for (const auto& [value, camp] : votes.camps) {
        if (!disagreement.empty()) disagreement += " against ";
        for (std::size_t i = 0; i < camp.members.size(); ++i) {
            const auto& member = impl.endpoints[camp.members[i]].config().name;
            disagreement += (i == 0 ? "" : ", ") + member;
            if (&camp != best) others.push_back(member);
        }
    }
    if (votes.camps.size() > 1) {
        impl.log.warn(
            "endpoints disagree",
            {{"chain", impl.chain.text()}, {"method", call.method}, {"endpoints", disagreement}});
    }
    if (missing > 0) {
        std::string text = std::to_string(quorum) + " equal answers to " + call.method + " on " +
                           impl.chain.text() + " were not to be had";
        if (!disagreement.empty()) text += "; answered: " + disagreement;
        for (const auto& [index, error] : votes.failures) {
            text += "; " + impl.endpoints[index].config().name + ": " +
                    std::string{core::to_string(error.code)};
        }
        co_return core::Error{core::Errc::kNoQuorum, std::move(text)};
    }
    for (const auto& [value, camp] : votes.camps) {
        if (&camp == best || !options.doubt_outvoted) continue;
        for (const auto index : camp.members) doubt(index, "outvoted", call.method);
    }
    QuorumReply out{best->reply, {}, std::move(others), 0};
    std::set<std::string_view> operators;
    for (const auto index : best->members) {
        out.agreed.push_back(impl.endpoints[index].config().name);
        operators.insert(impl.endpoints[index].operator_name());
    }
    out.operators = operators.size();
    co_return out;
}

core::Task<std::vector<BroadcastAnswer>> EndpointPool::Impl::ask_these(
    std::vector<std::size_t> these, RpcCall call, core::Millis timeout, bool paced) {
    std::vector<BroadcastAnswer> out;
    if (these.empty()) co_return out;
    auto replies = co_await ask_all(these, std::move(call), timeout, paced);
    for (std::size_t i = 0; i < these.size(); ++i) {
        const auto index = these[i];
        out.push_back(
            BroadcastAnswer{index, endpoints[index].config().name, std::move(replies[i])});
    }
    co_return out;
}

core::Task<std::vector<BroadcastAnswer>> EndpointPool::broadcast(RpcCall call,
                                                                 core::Millis timeout) {
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < size(); ++i) {
        if (!impl_->endpoints[i].quarantined) all.push_back(i);
    }
    co_return co_await impl_->ask_these(std::move(all), std::move(call), timeout, false);
}

core::Task<std::vector<BroadcastAnswer>> EndpointPool::survey(RpcCall call, core::Millis timeout) {
    std::vector<std::size_t> usable;
    for (std::size_t i = 0; i < size(); ++i) {
        const auto& endpoint = impl_->endpoints[i];
        const bool closed = endpoint.closed_for(impl_->clock.tick()) > core::Millis::zero();
        if (!endpoint.quarantined && !closed) usable.push_back(i);
    }
    co_return co_await impl_->ask_these(std::move(usable), std::move(call), timeout, true);
}

}  // namespace net
