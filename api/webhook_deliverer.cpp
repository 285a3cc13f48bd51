#include "api/webhook_deliverer.hpp"

#include "api/webhook_signature.hpp"
#include "core/check.hpp"
#include "core/crash_point.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

namespace api {
namespace {

namespace asio = core::asio;
using core::Done;
using core::Expected;
using core::Millis;

constexpr Millis kLookAtMost{30'000};
//! While something is due that found no place, or could not be written.
constexpr Millis kLookAgain{1'000};
constexpr Millis kMeasureEvery{15'000};
//! Ten attempts in eight and a half hours, and then one as often as the last two were apart, for a week:
//! a receiver that is down over a weekend misses nothing.
constexpr std::uint32_t kDoublings = 9;
constexpr std::uint32_t kAttemptsMax = 30;
constexpr std::size_t kAnswerMax = 16 * 1024;
constexpr int kRedirects = 3;
constexpr Millis kSoon{2'000};

std::string_view outcome_of(core::Errc code) {
    switch (code) {
        case core::Errc::kTimeout: return "timeout";
        case core::Errc::kRefused:
        case core::Errc::kInvalid: return "blocked";
        case core::Errc::kMalformed:
        case core::Errc::kTooLarge: return "malformed";
        default: return "unreachable";
    }
}

}  // namespace

std::optional<Millis> retry_after(std::uint32_t attempt, Millis first_retry) {
    CHECK(attempt > 0, "attempts count from 1");
    if (attempt >= kAttemptsMax) return std::nullopt;
    return first_retry * (std::int64_t{1} << std::min(attempt - 1, kDoublings));
}

core::Task<void> WebhookDeliverer::run() {
    const auto executor = co_await asio::this_coro::executor;
    using Operation = decltype(asio::co_spawn(executor, work(), asio::deferred));
    std::vector<Operation> tasks;
    tasks.push_back(asio::co_spawn(executor, coordinate(), asio::deferred));
    tasks.push_back(asio::co_spawn(executor, measure(), asio::deferred));
    for (std::size_t i = 0; i < options_.in_flight; ++i) {
        tasks.push_back(asio::co_spawn(executor, work(), asio::deferred));
    }
    auto group = asio::experimental::make_parallel_group(std::move(tasks));
    // The first that ends (cancelled, or by our own bug) ends the others.
    auto [order, failures] =
        co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    for (const std::size_t index : order) {
        if (failures[index]) std::rethrow_exception(failures[index]);
    }
}

core::Task<void> WebhookDeliverer::coordinate() {
    for (;;) {
        const std::uint64_t seen = needs_.database.changes().revision();
        auto rest = co_await hand_out();
        if (!rest) {
            needs_.log.warn("webhooks wait", {{"error", rest.error().message}});
            co_await needs_.clock.sleep_for(kLookAgain);
            continue;
        }
        co_await needs_.database.changes().wait(seen, *rest, db::Concern::kWebhooks);
    }
}

//! Gives what is due to the workers, as far as there are places; how long nothing else will be due.
core::Task<Expected<Millis>> WebhookDeliverer::hand_out() {
    const core::Instant now = needs_.clock.now();
    // Those under way are still due for the store: as many more are looked at.
    const std::size_t look_at = 2 * options_.in_flight_per_webhook;
    auto job = needs_.database.read<Due>([now, look_at, last = last_served_](db::UnitOfWork& work) -> Expected<Due> {
        auto webhooks = work.webhooks().work();
        if (!webhooks) return webhooks.error();
        Due out;
        // In turn, so that who is called before another is not so each time.
        const auto first = std::find_if(webhooks->begin(), webhooks->end(),
                                        [&](const auto& one) { return one.webhook > last; });
        std::rotate(webhooks->begin(), first, webhooks->end());
        for (const db::WebhookWork& one : *webhooks) {
            if (one.next_at > now) {
                if (!out.next || one.next_at < *out.next) out.next = one.next_at;
                continue;
            }
            auto ids = work.webhooks().due(one.webhook, now, look_at);
            if (!ids) return ids.error();
            for (std::string& id : *ids) out.jobs.push_back({one.webhook, std::move(id)});
        }
        return out;
    });
    auto due = co_await std::move(job);
    if (!due) co_return due.error();
    Millis rest = due->next ? std::clamp(*due->next - now, Millis{1}, kLookAtMost) : kLookAtMost;
    for (Job& one : due->jobs) {
        if (busy_.contains(one.delivery) || !has_place(one.webhook)) {
            rest = std::min(rest, kLookAgain);
            continue;
        }
        busy_.insert(one.delivery);
        last_served_ = one.webhook;
        ++places_[one.webhook];
        ++places_taken_;
        jobs_.push_back(std::move(one));
        gate_.cancel_one();
    }
    // What is due later of a webhook that has something due now is not in `next`.
    if (!due->jobs.empty()) rest = std::min(rest, kLookAgain);
    co_return rest;
}

bool WebhookDeliverer::has_place(const std::string& webhook) const {
    if (places_taken_ >= options_.in_flight) return false;
    const auto taken = places_.find(webhook);
    const std::size_t own = taken == places_.end() ? 0 : taken->second;
    if (answering_.contains(webhook)) return own < options_.in_flight_per_webhook;
    if (own > 0) return false;
    std::size_t of_others = 0;
    for (const auto& [id, count] : places_) {
        if (!answering_.contains(id)) of_others += count;
    }
    return of_others < std::max<std::size_t>(options_.in_flight / 2, 1);
}

void WebhookDeliverer::leave_place(const std::string& webhook) {
    const auto taken = places_.find(webhook);
    CHECK(taken != places_.end() && taken->second > 0 && places_taken_ > 0, "a place was taken");
    --places_taken_;
    if (--taken->second == 0) places_.erase(taken);
}

core::Task<WebhookDeliverer::Job> WebhookDeliverer::next_job() {
    while (jobs_.empty()) {
        co_await gate_.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto cancelled = co_await asio::this_coro::cancellation_state;
        if (cancelled.cancelled() != asio::cancellation_type::none) {
            throw boost::system::system_error{asio::error::operation_aborted};
        }
    }
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    co_return job;
}

core::Task<void> WebhookDeliverer::work() {
    for (;;) {
        Job job = co_await next_job();
        co_await attempt(std::move(job));
    }
}

core::Task<void> WebhookDeliverer::attempt(Job job) {
    using Found = std::optional<db::WebhookParcel>;
    auto look = needs_.database.read<Found>(
        [id = job.delivery](db::UnitOfWork& work) { return work.webhooks().parcel(id); });
    auto found = co_await std::move(look);
    if (!found || !*found) {
        if (!found) needs_.log.warn("a webhook waits", {{"error", found.error().message}});
        leave_place(job.webhook);
        busy_.erase(job.delivery);
        co_return;
    }
    const core::Instant began = needs_.clock.now();
    const core::Tick start = needs_.clock.tick();
    Outcome outcome = co_await send(**found);
    CRASH_POINT("webhook_sent");
    note(job.webhook, outcome, needs_.clock.tick() - start);
    // Before the outcome is written: whoever is woken by that finds the place free.
    leave_place(job.webhook);
    co_await write_down(std::move(**found), began, needs_.clock.tick() - start, std::move(outcome));
    busy_.erase(job.delivery);
}

core::Task<WebhookDeliverer::Outcome> WebhookDeliverer::send(db::WebhookParcel parcel) {
    const core::Tick start = needs_.clock.tick();
    auto target = net::parse_target(parcel.webhook.url, options_.rules);
    if (!target) co_return Outcome{"blocked", {}, target.error().message};
    auto address = co_await net::find_address(&needs_.resolver, *target, options_.rules,
                                              parcel.delivery.attempts, options_.timeout);
    if (!address) {
        co_return Outcome{outcome_of(address.error().code), {}, address.error().message};
    }
    net::HttpRequest request;
    request.url = target->url();
    request.headers = {{"Content-Type", "application/json"},
                       {std::string{kSignatureHeader},
                        webhook_signature(parcel.webhook.secret, needs_.clock.now(), parcel.body)}};
    request.body = std::move(parcel.body);
    request.timeout = options_.timeout - (needs_.clock.tick() - start);
    request.body_limit = kAnswerMax;
    request.cut_body = true;
    request.pinned_ip = address->text();
    auto response = co_await needs_.http.send(std::move(request));
    if (!response) {
        co_return Outcome{outcome_of(response.error().code), {}, response.error().message};
    }
    const int status = response->status;
    if (status >= 200 && status < 300) co_return Outcome{"delivered", status, {}};
    if (status / 100 == kRedirects) {
        co_return Outcome{"redirected", status, "redirects are not followed"};
    }
    co_return Outcome{"refused", status, "the receiver answered " + std::to_string(status)};
}

core::Task<void> WebhookDeliverer::write_down(db::WebhookParcel parcel, core::Instant began,
                                              Millis took, Outcome outcome) {
    db::WebhookAttempt log;
    log.at = began;
    log.status = outcome.status;
    log.error = outcome.error;
    log.duration_ms = took.count();
    log.sent_as_of = parcel.delivery.updated_at;
    auto state = db::DeliveryState::kDelivered;
    std::optional<core::Instant> next;
    if (!outcome.error.empty()) {
        const auto pause = retry_after(parcel.delivery.attempts + 1, options_.first_retry);
        state = pause ? db::DeliveryState::kDue : db::DeliveryState::kFailed;
        if (pause) next = needs_.clock.now() + *pause;
    }
    needs_.metrics.count("depositd_webhook_attempts_total", {{"outcome", std::string{outcome.name}}});
    if (state == db::DeliveryState::kFailed) {
        needs_.metrics.count("depositd_webhook_given_up_total", {});
        needs_.log.warn("a webhook delivery is given up", {{"webhook", parcel.webhook.id},
                                                           {"delivery", parcel.delivery.id},
                                                           {"why", outcome.error}});
    }
    const std::string id = parcel.delivery.id;
    auto job = needs_.database.write<Done>([id, log, state, next](db::UnitOfWork& work) {
        return work.webhooks().record(id, log, state, next);
    });
    auto written = co_await std::move(job);
    if (!written) {
        needs_.log.warn("what came of a webhook delivery could not be written: it will be sent again",
                        {{"delivery", id}, {"error", written.error().message}});
    }
}

//! Says once that a receiver fails, and once that it is back.
void WebhookDeliverer::note(const std::string& webhook, const Outcome& outcome, Millis took) {
    if (outcome.error.empty()) {
        // Who takes its time has one place, like who does not answer.
        if (took <= kSoon) answering_.insert(webhook);
        if (took > kSoon) answering_.erase(webhook);
        if (failing_.erase(webhook) > 0) {
            needs_.log.info("a webhook is delivered again", {{"webhook", webhook}});
        }
        return;
    }
    answering_.erase(webhook);
    if (failing_.insert(webhook).second) {
        needs_.log.warn("a webhook cannot be delivered: trying again",
                        {{"webhook", webhook}, {"outcome", outcome.name}, {"why", outcome.error}});
    }
}

core::Task<void> WebhookDeliverer::measure() {
    for (;;) {
        auto job = needs_.database.read<db::WebhookBacklog>(
            [](db::UnitOfWork& work) { return work.webhooks().backlog(); });
        auto backlog = co_await std::move(job);
        if (backlog) {
            const auto age = backlog->oldest ? needs_.clock.now() - *backlog->oldest : Millis{0};
            needs_.metrics.gauge("depositd_webhook_backlog", {}, static_cast<double>(backlog->count));
            needs_.metrics.gauge("depositd_webhook_oldest_age_seconds", {},
                                 static_cast<double>(age.count()) / 1000);
        }
        co_await needs_.clock.sleep_for(kMeasureEvery);
    }
}

}  // namespace api
