#pragma once

#include "core/clock.hpp"
#include "core/expected.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "net/http_client.hpp"
#include "net/resolver.hpp"
#include "net/target.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace api {

struct DelivererOptions {
    net::TargetRules rules;
    core::Millis timeout{10'000};      //!< of one attempt, name lookup included
    core::Millis first_retry{60'000};  //!< doubles with each attempt, up to 512 times this
    std::size_t in_flight = 64;
    std::size_t in_flight_per_webhook = 4;
};

//! When to try again after the attempt with this number (from 1): 1, 2, 4 … 512 times the first pause,
//! and from then on after the same pause again. None when it was the last.
std::optional<core::Millis> retry_after(std::uint32_t attempt, core::Millis first_retry);

//! What deliveries need of the world outside. All outlive it.
struct DelivererNeeds {
    db::Database& database;
    net::HttpClient& http;
    net::Resolver& resolver;
    core::Clock& clock;
    core::Log& log;
    core::Metrics& metrics;
};

//! Sends what stands in the outbox: at least once, and the events of one session to one webhook in
//! their order. What is due is in the store; here is only what is under way, so that a restart loses
//! nothing. A receiver that has not answered yet, or failed last, has one place, and all of these together
//! half of the places: those that answer are never behind those that do not.
//!
//! Life: run() → one coordinator that hands out what is due, and workers that send, until cancelled.
class WebhookDeliverer {
  public:
    //! The executor is the one that run() runs on.
    WebhookDeliverer(core::asio::any_io_executor executor, DelivererNeeds needs,
                     DelivererOptions options)
        : needs_{needs},
          options_{options},
          gate_{std::move(executor), core::asio::steady_timer::time_point::max()} {}
    WebhookDeliverer(const WebhookDeliverer&) = delete;
    WebhookDeliverer& operator=(const WebhookDeliverer&) = delete;

    //! Until cancelled.
    core::Task<void> run();

  private:
    struct Job {
        std::string webhook;
        std::string delivery;
    };
    struct Due {
        std::vector<Job> jobs;
        std::optional<core::Instant> next;  //!< when something is due that is not yet
    };
    struct Outcome {
        std::string_view name;  //!< of the metric: "delivered", "timeout", …
        std::optional<int> status;
        std::string error;
    };

    core::Task<void> coordinate();
    core::Task<void> measure();
    core::Task<void> work();
    core::Task<core::Expected<core::Millis>> hand_out();
    core::Task<Job> next_job();
    core::Task<void> attempt(Job job);
    core::Task<Outcome> send(db::WebhookParcel parcel);
    core::Task<void> write_down(db::WebhookParcel parcel, core::Instant began, core::Millis took,
                                Outcome outcome);
    bool has_place(const std::string& webhook) const;
    void leave_place(const std::string& webhook);
    void note(const std::string& webhook, const Outcome& outcome, core::Millis took);

    DelivererNeeds needs_;
    DelivererOptions options_;
    core::asio::steady_timer gate_;  //!< workers wait at it for jobs_
    std::deque<Job> jobs_;
    std::map<std::string, std::size_t> places_;  //!< taken, by webhook
    std::size_t places_taken_ = 0;
    std::string last_served_;
    std::set<std::string> busy_;     //!< deliveries under way, until their outcome is written
    //! Webhooks whose last attempt was taken soon, and those whose last one failed; in neither: not tried yet.
    std::set<std::string> answering_;
    std::set<std::string> failing_;
};

}  // namespace api
