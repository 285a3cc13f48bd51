#pragma once

#include <memory>
#include <string>

#include "core/log.hpp"
#include "daemon/config.hpp"

namespace depositd {

//! One line of a log: what was said, when, with which fields.
struct LogLine {
    core::LogLevel level = core::LogLevel::kInfo;
    std::string_view message;
    std::initializer_list<core::LogField> fields;
    core::Instant at;
};

//! "message key=value key=\"two words\"". Control characters are escaped: one event, one line.
std::string console_text(const LogLine& line);

//! One JSON object: time, level, message, then the fields. Bytes that are no UTF-8 are replaced.
std::string json_text(const LogLine& line);

//! "2026-01-02T03:04:05.678Z"
std::string utc_text(core::Instant at);

//! Writes to standard error, from any thread. Under systemd the console format carries journald's
//! priorities instead of time and level.
std::unique_ptr<core::Log> make_log_sink(const LogConfig& config);

//! Drops everything: for short commands, whose findings go to standard output.
std::unique_ptr<core::Log> make_quiet_log();

}  // namespace depositd
