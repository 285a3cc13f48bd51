#include "tests/planted/hunt.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>

#include "core/check.hpp"
#include "tests/planted/defects.hpp"

namespace planted {
namespace {

//! A defect may also make a world stand still.
constexpr unsigned kSecondsMax = 3'600;

//! What a search has come to, where its process and this one can see it.
struct Progress {
    double days = 0;
    std::uint64_t seed = 0;
    bool found = false;
    char what[300] = {};
};

struct Search {
    Description defect;
    Progress* progress = nullptr;
};

void search(const Hunt& hunt, std::string_view name, Progress& progress) {
    CHECK(plant(name));
    ::alarm(kSecondsMax);
    for (simulation::RunOptions world = hunt.world; progress.days < hunt.days_max; ++world.seed) {
        progress.seed = world.seed;
        const simulation::RunReport report = simulation::run(world);
        progress.days += std::min(world.days, report.simulated_days);
        if (report.violations.empty()) continue;
        progress.found = true;
        std::snprintf(progress.what, sizeof progress.what, "%s", report.violations.front().c_str());
        return;
    }
}

Progress* shared_progress() {
    void* memory = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    return new (memory) Progress;
}

void print_row(const Search& one, bool found, const std::string& what) {
    std::printf("| `%.*s` | %.*s | %s%.1f, seed %llu | %s |\n", static_cast<int>(one.defect.name.size()),
                one.defect.name.data(), static_cast<int>(one.defect.what.size()),
                one.defect.what.data(), found ? "" : "**not** in ", one.progress->days,
                static_cast<unsigned long long>(one.progress->seed), what.c_str());
}

void print_line(const Search& one, bool found, const std::string& what) {
    std::printf("%-34.*s %-6s %5.1f days, seed %llu  %s\n", static_cast<int>(one.defect.name.size()),
                one.defect.name.data(), found ? "found" : "MISSED", one.progress->days,
                static_cast<unsigned long long>(one.progress->seed), what.c_str());
}

//! True: found.
bool tell(const Hunt& hunt, const Search& one, int status) {
    const bool died = WIFSIGNALED(status);
    std::string what = one.progress->what;
    if (died) what = WTERMSIG(status) == SIGALRM ? "it stood still" : "a CHECK of the daemon failed";
    const bool found = died || one.progress->found;
    (hunt.as_table ? print_row : print_line)(one, found, what);
    std::fflush(stdout);
    return found;
}

}  // namespace

// A process of its own for each: a defect may as well fail a check.
bool hunt_all(const Hunt& hunt) {
    std::map<pid_t, Search> running;
    std::size_t found = 0;
    std::size_t total = 0;
    const auto wait_for_one = [&] {
        int status = 0;
        const auto ended = running.find(::wait(&status));
        if (ended == running.end()) return;
        if (tell(hunt, ended->second, status)) ++found;
        ::munmap(ended->second.progress, sizeof(Progress));
        running.erase(ended);
    };
    for (const Description& defect : all()) {
        if (defect.name.find(hunt.only) == std::string_view::npos) continue;
        while (running.size() >= hunt.jobs) wait_for_one();
        ++total;
        Progress* progress = shared_progress();
        const pid_t pid = ::fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            search(hunt, defect.name, *progress);
            std::_Exit(0);
        }
        running.emplace(pid, Search{defect, progress});
    }
    while (!running.empty()) wait_for_one();
    if (!hunt.as_table) std::printf("%zu of %zu found\n", found, total);
    return found == total && total != 0;
}

}  // namespace planted
