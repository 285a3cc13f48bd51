#include "daemon/log_sink.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace depositd {

namespace {

std::string_view level_name(core::LogLevel level) {
    switch (level) {
        case core::LogLevel::kDebug: return "debug";
        case core::LogLevel::kInfo: return "info";
        case core::LogLevel::kWarn: return "warn";
        case core::LogLevel::kError: return "error";
    }
    return "";
}

spdlog::level::level_enum spdlog_level(core::LogLevel level) {
    switch (level) {
        case core::LogLevel::kDebug: return spdlog::level::debug;
        case core::LogLevel::kInfo: return spdlog::level::info;
        case core::LogLevel::kWarn: return spdlog::level::warn;
        case core::LogLevel::kError: return spdlog::level::err;
    }
    return spdlog::level::info;
}

//! https://www.freedesktop.org/software/systemd/man/sd-daemon.html
std::string_view journal_prefix(core::LogLevel level) {
    switch (level) {
        case core::LogLevel::kDebug: return "<7>";
        case core::LogLevel::kInfo: return "<6>";
        case core::LogLevel::kWarn: return "<4>";
        case core::LogLevel::kError: return "<3>";
    }
    return "<6>";
}

void append_escaped(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20 || byte == 0x7f) {
            char hex[5];
            std::snprintf(hex, sizeof hex, "\\x%02x", byte);
            out += hex;
        } else {
            out += c;
        }
    }
}

bool needs_quotes(std::string_view value) {
    if (value.empty()) return true;
    for (const char c : value) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == '\\' || c == 0x7f) {
            return true;
        }
    }
    return false;
}

core::Instant wall_now() {
    return {std::chrono::duration_cast<std::chrono::milliseconds>(
                std::chrono::system_clock::now().time_since_epoch())
                .count()};
}

class SpdlogSink final : public core::Log {
  public:
    explicit SpdlogSink(const LogConfig& config)
        : format_{config.format},
          // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever calls setenv.
          journal_{std::getenv("JOURNAL_STREAM") != nullptr},
          logger_{"depositd", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()} {
        const bool bare = format_ == LogFormat::kJson || journal_;
        logger_.set_pattern(bare ? "%v" : "%Y-%m-%d %H:%M:%S.%e %^%-5l%$ %v",
                            spdlog::pattern_time_type::utc);
        logger_.set_level(config.level == "debug"  ? spdlog::level::debug
                          : config.level == "warn" ? spdlog::level::warn
                          : config.level == "error" ? spdlog::level::err
                                                    : spdlog::level::info);
        logger_.flush_on(spdlog::level::debug);
    }

    void write(core::LogLevel level, std::string_view message,
               std::initializer_list<core::LogField> fields) override {
        const auto target = spdlog_level(level);
        if (!logger_.should_log(target)) return;
        const LogLine line{level, message, fields, wall_now()};
        std::string text;
        if (format_ == LogFormat::kJson) {
            text = json_text(line);
        } else {
            if (journal_) text = journal_prefix(level);
            text += console_text(line);
        }
        logger_.log(target, spdlog::string_view_t{text.data(), text.size()});
    }

  private:
    LogFormat format_;
    bool journal_;
    spdlog::logger logger_;
};

class QuietLog final : public core::Log {
  public:
    void write(core::LogLevel, std::string_view, std::initializer_list<core::LogField>) override {}
};

}  // namespace

std::string console_text(const LogLine& line) {
    std::string out;
    append_escaped(out, line.message);
    for (const core::LogField& field : line.fields) {
        out += ' ';
        out += field.key;
        out += '=';
        if (needs_quotes(field.value)) {
            out += '"';
            append_escaped(out, field.value);
            out += '"';
        } else {
            out += field.value;
        }
    }
    return out;
}

std::string json_text(const LogLine& line) {
    nlohmann::ordered_json out;
    out["time"] = utc_text(line.at);
    out["level"] = level_name(line.level);
    out["message"] = line.message;
    for (const core::LogField& field : line.fields) out[std::string{field.key}] = field.value;
    return out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string utc_text(core::Instant at) {
    const std::time_t seconds = at.unix_seconds();
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    char out[48];
    std::snprintf(out, sizeof out, "%s.%03dZ", date, static_cast<int>(at.unix_ms % 1000));
    return out;
}

std::unique_ptr<core::Log> make_log_sink(const LogConfig& config) {
    return std::make_unique<SpdlogSink>(config);
}

std::unique_ptr<core::Log> make_quiet_log() { return std::make_unique<QuietLog>(); }

}  // namespace depositd
