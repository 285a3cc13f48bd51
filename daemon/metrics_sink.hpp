#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/metrics.hpp"

namespace depositd {

enum class MetricType { kCounter, kGauge, kHistogram };

//! One metric, declared once. The unit is the last word of the name but for `_total`.
struct MetricSpec {
    std::string_view name;
    MetricType type = MetricType::kCounter;
    std::string_view unit;
    std::string_view labels;  //!< "chain, endpoint"
    std::string_view help;
};

std::span<const MetricSpec> declared_metrics();
const MetricSpec* find_metric(std::string_view name);

//! docs/METRICS.md.
std::string metrics_manual();

//! core::Metrics that can be scraped. A name that is not declared, or used as another type, aborts.
class MetricsSink : public core::Metrics {
  public:
    //! Prometheus text format 0.0.4.
    virtual std::string text() const = 0;
};
std::unique_ptr<MetricsSink> make_metrics_sink();

}  // namespace depositd
