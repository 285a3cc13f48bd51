#include "daemon/metrics_sink.hpp"

#include <map>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "core/check.hpp"

namespace depositd {

namespace {

prometheus::Labels labels_of(const core::MetricLabels& labels) {
    return {labels.begin(), labels.end()};
}

prometheus::Histogram::BucketBoundaries buckets(std::string_view name) {
    const MetricSpec* spec = find_metric(name);
    if (spec != nullptr && spec->unit == "seconds") {
        return {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
    }
    return {1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610};
}

class PrometheusSink final : public MetricsSink {
  public:
    PrometheusSink() {
        for (const MetricSpec& spec : declared_metrics()) {
            const std::string name{spec.name};
            const std::string help{spec.help};
            switch (spec.type) {
                case MetricType::kCounter:
                    counters_[spec.name] =
                        &prometheus::BuildCounter().Name(name).Help(help).Register(registry_);
                    break;
                case MetricType::kGauge:
                    gauges_[spec.name] =
                        &prometheus::BuildGauge().Name(name).Help(help).Register(registry_);
                    break;
                case MetricType::kHistogram:
                    histograms_[spec.name] =
                        &prometheus::BuildHistogram().Name(name).Help(help).Register(registry_);
                    break;
            }
        }
    }

    void count(std::string_view name, const core::MetricLabels& labels, double by) override {
        family(counters_, name).Add(labels_of(labels)).Increment(by);
    }
    void gauge(std::string_view name, const core::MetricLabels& labels, double value) override {
        family(gauges_, name).Add(labels_of(labels)).Set(value);
    }
    void observe(std::string_view name, const core::MetricLabels& labels, double value) override {
        family(histograms_, name).Add(labels_of(labels), buckets(name)).Observe(value);
    }
    std::string text() const override {
        return prometheus::TextSerializer{}.Serialize(registry_.Collect());
    }

  private:
    template <class T>
    using Families = std::map<std::string_view, prometheus::Family<T>*>;

    template <class T>
    static prometheus::Family<T>& family(const Families<T>& families, std::string_view name) {
        const auto found = families.find(name);
        CHECK(found != families.end(), name);
        return *found->second;
    }

    prometheus::Registry registry_;
    Families<prometheus::Counter> counters_;
    Families<prometheus::Gauge> gauges_;
    Families<prometheus::Histogram> histograms_;
};

}  // namespace

std::unique_ptr<MetricsSink> make_metrics_sink() { return std::make_unique<PrometheusSink>(); }

}  // namespace depositd
