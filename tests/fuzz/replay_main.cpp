// Usage: fuzz_replay TARGET FOLDER|FILE…   runs a fuzz target over what was found worth keeping
//        fuzz_replay --list                names the targets
// Each input also runs cut in the middle and short of its last byte. Exits with 1 when there is
// nothing to run; a broken promise aborts and names the file.

#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include <unistd.h>

namespace fuzz_replay {

namespace fs = std::filesystem;

char current[512] = "no input";

extern "C" void name_the_input(int signal) {
    const char* text = "\nfuzz_replay: while running ";
    const bool said = ::write(2, text, std::strlen(text)) > 0 &&
                      ::write(2, current, std::strlen(current)) > 0 && ::write(2, "\n", 1) > 0;
    std::signal(signal, SIG_DFL);
    std::raise(said ? signal : SIGKILL);
}

//! From a block of exactly this size, so that a sanitizer sees the first byte too many.
void run_exactly(fuzz::Target target, std::string_view input) {
    const auto copy = std::make_unique<char[]>(input.size());
    std::copy(input.begin(), input.end(), copy.get());
    target({copy.get(), input.size()});
}

void run_file(fuzz::Target target, const fs::path& file) {
    std::snprintf(current, sizeof current, "%s", file.c_str());
    std::ifstream in{file, std::ios::binary};
    const std::string input{std::istreambuf_iterator<char>{in}, {}};
    run_exactly(target, input);
    if (input.empty()) return;
    run_exactly(target, std::string_view{input}.substr(0, input.size() - 1));
    run_exactly(target, std::string_view{input}.substr(0, input.size() / 2));
}

std::vector<fs::path> files_of(const fs::path& place) {
    std::vector<fs::path> files;
    if (fs::is_regular_file(place)) files.push_back(place);
    if (!fs::is_directory(place)) return files;
    for (const auto& entry : fs::directory_iterator{place}) {
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

int replay(std::string_view name, const std::vector<fs::path>& places) {
    for (const auto& target : fuzz::all_targets()) {
        if (target.name != name) continue;
        std::size_t inputs = 0;
        for (const auto& place : places) {
            for (const auto& file : files_of(place)) {
                run_file(target.run, file);
                ++inputs;
            }
        }
        std::printf("%.*s: %zu inputs\n", static_cast<int>(name.size()), name.data(), inputs);
        return inputs == 0 ? 1 : 0;
    }
    std::fprintf(stderr, "fuzz_replay: no target is called %.*s\n", static_cast<int>(name.size()),
                 name.data());
    return 1;
}

}  // namespace fuzz_replay

int main(int argc, char** argv) {
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    if (arguments.size() == 1 && arguments[0] == "--list") {
        for (const auto& target : fuzz::all_targets()) {
            std::printf("%.*s\n", static_cast<int>(target.name.size()), target.name.data());
        }
        return 0;
    }
    if (arguments.size() < 2) {
        std::fprintf(stderr, "usage: fuzz_replay TARGET FOLDER|FILE… | --list\n");
        return 1;
    }
    for (const int signal : {SIGABRT, SIGSEGV, SIGFPE}) {
        std::signal(signal, fuzz_replay::name_the_input);
    }
    return fuzz_replay::replay(arguments[0], {arguments.begin() + 1, arguments.end()});
}
