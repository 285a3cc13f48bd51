#include "core/crash_point.hpp"

#ifdef DEPOSITD_CRASH_POINTS

#include <atomic>
#include <csignal>
#include <string>

#include <unistd.h>

namespace core {
namespace {

// The one mutable global of the program: a crash point has no object that could carry it.
struct Armed {
    std::string name;
    std::atomic<std::uint64_t> left{0};
    void (*kill_instead)() = nullptr;
};
Armed& armed() {
    static Armed one;
    return one;
}

}  // namespace

void arm_crash(std::string_view name, std::uint64_t nth) {
    armed().name = name;
    armed().left = nth;
}

void crash_here(std::string_view name) {
    if (armed().name.empty() || name != armed().name) return;
    if (--armed().left != 0) return;
    if (armed().kill_instead != nullptr) {
        armed().name.clear();
        armed().kill_instead();
        return;
    }
    ::kill(::getpid(), SIGKILL);
}

void set_crash_victim(void (*kill)()) { armed().kill_instead = kill; }

}  // namespace core

#endif
