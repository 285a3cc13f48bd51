#pragma once

#include <cstdint>
#include <string_view>

//! Marks a line at which a test may kill the process, as `kill -9` would. Built in only with
//! DEPOSITD_CRASH_POINTS (the dev preset); nothing at all in what is installed. docs/CRASH_POINTS.md
//! lists the names; tests/integration/crash_points.test.mjs dies at each of them.
#ifdef DEPOSITD_CRASH_POINTS
#define CRASH_POINT(name) ::core::crash_here(name)
#else
#define CRASH_POINT(name) static_cast<void>(0)
#endif

namespace core {

//! Dies at the `nth` time (from 1) that `name` is passed. Not while anything runs on another thread.
void arm_crash(std::string_view name, std::uint64_t nth);

//! Kills the process with SIGKILL when armed for this place and count.
void crash_here(std::string_view name);

//! What dies instead of this process: the one that a simulation runs in it. Null: this process again.
void set_crash_victim(void (*kill)());

}  // namespace core
