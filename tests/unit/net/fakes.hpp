#pragma once

#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/rng.hpp"
#include "net/http_client.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace net::testing {

//! Runs one task to its end, and the loop until nothing is left.
template <class T>
T run(core::asio::io_context& loop, core::Task<T> task) {
    std::optional<T> out;
    std::exception_ptr thrown;
    core::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr e, T value) {
        thrown = e;
        out = std::move(value);
    });
    loop.restart();
    loop.run();
    if (thrown) std::rethrow_exception(thrown);
    return std::move(out).value();
}

//! Time that only moves when somebody waits.
struct FakeClock final : core::Clock {
    core::Instant now() const override { return {1'700'000'000'000 + passed_ms}; }
    core::Tick tick() const override { return {passed_ms}; }
    core::Task<void> sleep_for(core::Millis duration) override {
        passed_ms += duration.count();
        slept.push_back(duration);
        co_return;
    }
    std::int64_t passed_ms = 0;
    std::vector<core::Millis> slept;
};

struct CountingRng final : core::Rng {
    void fill(std::span<std::uint8_t> out) override {
        for (auto& byte : out) byte = next++;
    }
    std::uint8_t next = 0;
};

struct KeptLog final : core::Log {
    void write(core::LogLevel, std::string_view message,
               std::initializer_list<core::LogField> fields) override {
        std::string line{message};
        for (const auto& field : fields) line += ' ' + std::string{field.key} + '=' + field.value;
        text += line + '\n';
    }
    std::string text;
};

struct KeptMetrics final : core::Metrics {
    static std::string series(std::string_view name, const core::MetricLabels& labels) {
        std::string out{name};
        for (const auto& [key, value] : labels) out += ',' + key + '=' + value;
        return out;
    }
    void count(std::string_view name, const core::MetricLabels& labels, double by) override {
        values[series(name, labels)] += by;
    }
    void gauge(std::string_view name, const core::MetricLabels& labels, double value) override {
        values[series(name, labels)] = value;
    }
    void observe(std::string_view name, const core::MetricLabels& labels, double) override {
        values[series(name, labels)] += 1;
    }
    std::map<std::string, double> values;
};

//! Answers from a function, keeps what was asked.
struct ScriptedHttp final : HttpClient {
    using Script = std::function<core::Expected<HttpResponse>(const HttpRequest&)>;
    explicit ScriptedHttp(Script s) : script{std::move(s)} {}
    core::Task<core::Expected<HttpResponse>> send(HttpRequest request) override {
        seen.push_back(request);
        co_return script(request);
    }
    int asked(std::string_view url_part) const {
        int out = 0;
        for (const auto& request : seen) out += request.url.find(url_part) != std::string::npos;
        return out;
    }
    Script script;
    std::vector<HttpRequest> seen;
};

}  // namespace net::testing
