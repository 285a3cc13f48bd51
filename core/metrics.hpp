#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace core {

//! Label name and value. Values come from small closed sets (chain id, endpoint name, state), never
//! from a caller.
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

//! Where numbers for Prometheus go. Names are declared once, in daemon/metrics_sink, with unit and
//! help text; an undeclared name is a bug and aborts. Safe from any thread.
struct Metrics {
    virtual ~Metrics() = default;
    virtual void count(std::string_view name, const MetricLabels& labels, double by = 1) = 0;
    virtual void gauge(std::string_view name, const MetricLabels& labels, double value) = 0;
    virtual void observe(std::string_view name, const MetricLabels& labels, double value) = 0;
};

}  // namespace core
