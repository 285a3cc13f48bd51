#pragma once

//! A broken promise of our own code. It logs to stderr and aborts, in every build: the state on disk
//! is the last commit, and systemd starts us again from there. Never for something the outside did.
#define CHECK(condition, ...)                                                                   \
    do {                                                                                        \
        if (!(condition)) [[unlikely]] {                                                        \
            ::core::check_failed(#condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__);    \
        }                                                                                       \
    } while (false)

#include <string_view>

namespace core {

[[noreturn]] void check_failed(std::string_view condition, std::string_view file, int line,
                               std::string_view detail = {});

}  // namespace core
