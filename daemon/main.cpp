#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "core/crash_point.hpp"
#include "daemon/cli.hpp"

//~ The tour begins here. `depositd serve` leads to daemon/impl/serve.cpp, which builds the graph of
//~ daemon/impl/assemble.cpp and hands its parts to daemon/impl/lifecycle.cpp.
int main(int argc, char** argv) {
#ifdef DEPOSITD_CRASH_POINTS
    // DEPOSITD_CRASH_AT=name:n kills the process the nth time that line is passed.
    if (const char* wish = std::getenv("DEPOSITD_CRASH_AT")) {
        const std::string text{wish};
        const std::size_t colon = text.find(':');
        core::arm_crash(text.substr(0, colon),
                        colon == std::string::npos ? 1 : std::stoull(text.substr(colon + 1)));
    }
#endif
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    return depositd::run_cli(arguments, std::cout, std::cerr);
}
