#pragma once

#include "core/log.hpp"
#include "core/metrics.hpp"

#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

struct NullLog final : core::Log {
    void write(core::LogLevel, std::string_view, std::initializer_list<core::LogField>) override {}
};

struct NullMetrics final : core::Metrics {
    void count(std::string_view, const core::MetricLabels&, double) override {}
    void gauge(std::string_view, const core::MetricLabels&, double) override {}
    void observe(std::string_view, const core::MetricLabels&, double) override {}
};

//! Keeps every line as "message key=value …".
class RecordingLog final : public core::Log {
  public:
    struct Line {
        core::LogLevel level;
        std::string text;
    };
    void write(core::LogLevel level, std::string_view message,
               std::initializer_list<core::LogField> fields) override {
        std::string text{message};
        for (const core::LogField& field : fields) {
            text += ' ';
            text += field.key;
            text += '=';
            text += field.value;
        }
        const std::scoped_lock lock{mutex_};
        lines_.push_back({level, std::move(text)});
    }
    std::vector<Line> lines() const {
        const std::scoped_lock lock{mutex_};
        return lines_;
    }
    std::size_t count(core::LogLevel level) const {
        const std::scoped_lock lock{mutex_};
        std::size_t found = 0;
        for (const Line& line : lines_) found += line.level == level ? 1 : 0;
        return found;
    }
    bool contains(std::string_view text) const {
        const std::scoped_lock lock{mutex_};
        for (const Line& line : lines_) {
            if (line.text.find(text) != std::string::npos) return true;
        }
        return false;
    }

  private:
    mutable std::mutex mutex_;
    std::vector<Line> lines_;
};

//! Sums of counters and observations, last values of gauges, over all labels of a name.
class RecordingMetrics final : public core::Metrics {
  public:
    void count(std::string_view name, const core::MetricLabels&, double by) override {
        add(name, by);
    }
    void gauge(std::string_view name, const core::MetricLabels&, double value) override {
        const std::scoped_lock lock{mutex_};
        values_[std::string{name}] = value;
    }
    void observe(std::string_view name, const core::MetricLabels&, double value) override {
        add(name, value);
    }
    //! 0 when the name was never used.
    double value(const std::string& name) const {
        const std::scoped_lock lock{mutex_};
        const auto found = values_.find(name);
        return found == values_.end() ? 0 : found->second;
    }

  private:
    void add(std::string_view name, double by) {
        const std::scoped_lock lock{mutex_};
        values_[std::string{name}] += by;
    }
    mutable std::mutex mutex_;
    std::map<std::string, double> values_;
};

}  // namespace support
