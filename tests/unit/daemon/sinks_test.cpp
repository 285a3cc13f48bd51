#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include <catch2/catch.hpp>

#include "daemon/log_sink.hpp"
#include "daemon/metrics_sink.hpp"

namespace depositd {

namespace {

std::string read(const std::filesystem::path& path) {
    std::ifstream in{path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

//! Every text in quotes of the daemon's sources that looks like the name of a metric.
std::set<std::string> names_in_sources() {
    std::set<std::string> out;
    const std::filesystem::path root{DEPOSITD_SOURCE_DIR};
    const std::regex name{"\"(depositd_[a-z0-9_]+)\""};
    for (const char* room : {"core", "session", "net", "chains", "db", "watchers", "settlement", "api",
                             "daemon"}) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator{root / room}) {
            const auto extension = entry.path().extension();
            if (extension != ".cpp" && extension != ".hpp") continue;
            if (entry.path().filename() == "metrics_table.cpp") continue;
            const std::string text = read(entry.path());
            for (std::sregex_iterator at{text.begin(), text.end(), name}, end; at != end; ++at) {
                out.insert((*at)[1]);
            }
        }
    }
    return out;
}

}  // namespace

TEST_CASE("log: hostile text in a field -> still one line, and JSON stays JSON") {
    const LogLine line{core::LogLevel::kWarn,
                       "endpoint failed",
                       {{"endpoint", "a b"}, {"text", "x\"\n{\x01"}, {"empty", ""}, {"n", 7}},
                       core::Instant{1'700'000'000'123}};
    CHECK(console_text(line) ==
          "endpoint failed endpoint=\"a b\" text=\"x\\\"\\n{\\x01\" empty=\"\" n=7");
    CHECK(json_text(line) ==
          "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\",\"message\":\"endpoint failed\","
          "\"endpoint\":\"a b\",\"text\":\"x\\\"\\n{\\u0001\",\"empty\":\"\",\"n\":\"7\"}");
}

TEST_CASE("log: bytes that are no UTF-8 -> replaced, not thrown") {
    const LogLine line{core::LogLevel::kInfo, "m", {{"b", std::string{"\xff\xfe"}}}, {}};
    CHECK(json_text(line).find("\xEF\xBF\xBD") != std::string::npos);
}

TEST_CASE("metrics: every name the sources use -> is declared") {
    for (const std::string& name : names_in_sources()) {
        INFO(name << " is missing in daemon/impl/metrics_table.cpp");
        CHECK(find_metric(name) != nullptr);
    }
}

TEST_CASE("metrics: every declared name -> is used by some source") {
    const auto used = names_in_sources();
    for (const MetricSpec& spec : declared_metrics()) {
        INFO(spec.name);
        CHECK(used.contains(std::string{spec.name}));
    }
}

TEST_CASE("metrics: the generated text -> is docs/METRICS.md") {
    CHECK(read(std::filesystem::path{DEPOSITD_SOURCE_DIR} / "docs/METRICS.md") == metrics_manual());
}

TEST_CASE("metrics: counted, set and observed -> in the scraped text") {
    const auto sink = make_metrics_sink();
    sink->count("depositd_payouts_planned_total", {{"chain", "c"}, {"leg", "refund"}}, 1);
    sink->count("depositd_payouts_planned_total", {{"chain", "c"}, {"leg", "refund"}}, 2);
    sink->gauge("depositd_ready", {}, 1);
    sink->observe("depositd_rpc_seconds", {{"chain", "c"}, {"endpoint", "e"}}, 0.02);
    const std::string text = sink->text();
    CHECK(text.find("depositd_payouts_planned_total{chain=\"c\",leg=\"refund\"} 3") != std::string::npos);
    CHECK(text.find("depositd_ready 1") != std::string::npos);
    CHECK(text.find("depositd_rpc_seconds_bucket{chain=\"c\",endpoint=\"e\",le=\"0.025\"} 1") !=
          std::string::npos);
}

}  // namespace depositd
