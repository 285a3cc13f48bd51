#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

// A fuzz target is one file with one FUZZ_TARGET. Built alone with DEPOSITD_LIBFUZZER it is a libFuzzer
// program; all together they are fuzz_replay, which runs each over its corpus with any compiler.
// Everything else in a target's file stands in a namespace of its own: the replay is one unit.

namespace fuzz {

using Target = void (*)(std::string_view input);

struct Named {
    std::string_view name;
    Target run;
};

inline std::vector<Named>& all_targets() {
    static std::vector<Named> targets;
    return targets;
}

inline bool enroll(std::string_view name, Target run) {
    all_targets().push_back({name, run});
    return true;
}

[[noreturn]] inline void broken(const char* promise, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: broken: %s\n", file, line, promise);
    std::abort();
}

}  // namespace fuzz

//! What has to hold for every input.
#define MUST(promise) \
    ((promise) ? static_cast<void>(0) : ::fuzz::broken(#promise, __FILE__, __LINE__))

#ifdef DEPOSITD_LIBFUZZER
#define FUZZ_TARGET(name)                                                                     \
    static void fuzz_target_##name(std::string_view);                                         \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);        \
    extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {       \
        fuzz_target_##name({reinterpret_cast<const char*>(data), size});                      \
        return 0;                                                                             \
    }                                                                                         \
    static void fuzz_target_##name([[maybe_unused]] std::string_view input)
#else
#define FUZZ_TARGET(name)                                                                     \
    static void fuzz_target_##name(std::string_view);                                         \
    [[maybe_unused]] static const bool fuzz_enrolled_##name =                                 \
        fuzz::enroll(#name, fuzz_target_##name);                                              \
    static void fuzz_target_##name([[maybe_unused]] std::string_view input)
#endif
