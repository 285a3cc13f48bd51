#include "daemon/impl/replay_desk.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "daemon/impl/replay_order.hpp"

namespace depositd {

namespace asio = core::asio;
using nlohmann::json;

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

}  // namespace

ReplayDesk::ReplayDesk(asio::any_io_executor executor, std::vector<Chain> chains,
                       db::Database& database, watchers::WatchSet& watch,
                       const chains::AddressCodec& codec, core::Clock& clock, core::Log& log)
    : chains_{std::move(chains)},
      database_{database},
      watch_{watch},
      codec_{codec},
      clock_{clock},
      log_{log},
      wake_{executor, SteadyTime::max()} {}

core::Expected<ReplayDesk::Order> ReplayDesk::parse(const json& order) const {
    std::vector<core::ChainId> configured;
    for (const Chain& chain : chains_) configured.push_back(chain.id);
    auto parsed = parse_replay_order(order, configured, codec_);
    if (!parsed) return parsed.error();
    Order out;
    out.request = std::move(parsed->request);
    for (const Chain& chain : chains_) {
        if (std::ranges::find(parsed->chains, chain.id) != parsed->chains.end()) {
            out.chains.push_back(chain);
        }
    }
    return out;
}

core::Expected<json> ReplayDesk::start(const json& order) {
    if (waiting_.size() >= kWaitingMax) {
        return core::Error{core::Errc::kRateLimited, "too many replays wait already"};
    }
    auto parsed = parse(order);
    if (!parsed) return parsed.error();
    const std::int64_t number = next_id_++;
    parsed->id = std::to_string(number);
    const auto placed = orders_.emplace(number, std::move(*parsed)).first;
    waiting_.push_back(number);
    if (orders_.size() > kKeptMax && orders_.begin()->second.done) orders_.erase(orders_.begin());
    wake_.expires_at(SteadyTime::min());
    return describe(placed->second);
}

core::Expected<json> ReplayDesk::progress(const std::string& id) const {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), number);
    const auto found = orders_.find(number);
    if (error != std::errc{} || end != id.data() + id.size() || found == orders_.end()) {
        return core::Error{core::Errc::kNotFound, "no replay has this id"};
    }
    return describe(found->second);
}

json ReplayDesk::describe(const Order& order) const {
    const watchers::ReplayProgress& at = order.progress;
    json out{{"id", order.id},
             {"chain", order.chain},
             {"at", at.height},
             {"blocksDone", at.done},
             {"blocksTotal", at.total},
             {"found", at.deposits_found},
             {"newDeposits", at.new_deposits},
             {"newOwnTransactions", at.new_own_txs},
             {"done", order.done}};
    if (const auto* range = std::get_if<watchers::ReplayRange>(&order.request)) {
        out["from"] = range->from;
        out["to"] = range->to;
    }
    if (at.eta) out["etaMs"] = at.eta->count();
    if (order.done && order.error.empty()) out["summary"] = watchers::summary_of(at);
    if (!order.error.empty()) out["error"] = order.error;
    return out;
}

core::Task<void> ReplayDesk::work(Order& order) {
    watchers::ReplayProgress total;
    std::string not_found;
    bool any = false;
    for (const Chain& chain : order.chains) {
        order.chain = chain.id.text();
        watchers::Replay replay{*chain.reader, database_, watch_, clock_, log_};
        const auto report = [&order, &total](const watchers::ReplayProgress& at) {
            order.progress = at;
            order.progress.deposits_found += total.deposits_found;
            order.progress.new_deposits += total.new_deposits;
            order.progress.new_own_txs += total.new_own_txs;
        };
        auto ended = co_await replay.run(order.request, report);
        if (!ended && ended.error().code == core::Errc::kNotFound) {
            not_found = chain.id.text() + ": " + ended.error().message;
            continue;
        }
        if (!ended) {
            order.error = chain.id.text() + ": " + ended.error().message;
            break;
        }
        any = true;
        report(*ended);
        total = order.progress;
    }
    if (!any && order.error.empty()) order.error = not_found;
    order.done = true;
    log_.info("replay ended", {{"id", order.id},
                               {"new_deposits", order.progress.new_deposits},
                               {"error", order.error}});
}

core::Task<void> ReplayDesk::run_waiting() {
    while (!waiting_.empty()) {
        const std::int64_t number = waiting_.front();
        waiting_.pop_front();
        co_await work(orders_.at(number));
    }
}

core::Task<void> ReplayDesk::run() {
    for (;;) {
        co_await run_waiting();
        wake_.expires_at(SteadyTime::max());
        boost::system::error_code woken;
        co_await wake_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
        // A new order and the stop both abort the wait; only the stop is seen by the next suspension.
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) co_return;
    }
}

}  // namespace depositd
