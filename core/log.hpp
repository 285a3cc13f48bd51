#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace core {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

//! key=value of a log line. Never a key, a seed, a credential or a URL with user info or query.
struct LogField {
    std::string_view key;
    std::string value;

    LogField(std::string_view k, std::string v) : key{k}, value{std::move(v)} {}
    LogField(std::string_view k, std::string_view v) : key{k}, value{v} {}
    LogField(std::string_view k, const char* v) : key{k}, value{v} {}
    LogField(std::string_view k, bool v) : key{k}, value{v ? "true" : "false"} {}
    template <std::integral T>
    LogField(std::string_view k, T v) : key{k}, value{std::to_string(v)} {}
};

//! The message is constant text, what varies is in the fields. `error` means that *we* are wrong or
//! that an operator has to act; what the outside does is at most a warning.
struct Log {
    virtual ~Log() = default;
    virtual void write(LogLevel level, std::string_view message,
                       std::initializer_list<LogField> fields) = 0;

    void debug(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::kDebug, message, fields);
    }
    void info(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::kInfo, message, fields);
    }
    void warn(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::kWarn, message, fields);
    }
    void error(std::string_view message, std::initializer_list<LogField> fields = {}) {
        write(LogLevel::kError, message, fields);
    }
};

}  // namespace core
