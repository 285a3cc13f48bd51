#include <iostream>
#include <string>
#include <vector>

#include "daemon/cli.hpp"

//~ The tour begins here. `depositd serve` leads to daemon/impl/serve.cpp, which builds the graph of
//~ daemon/impl/assemble.cpp and hands its parts to daemon/impl/lifecycle.cpp.
int main(int argc, char** argv) {
    const std::vector<std::string> arguments{argv + 1, argv + argc};
    return depositd::run_cli(arguments, std::cout, std::cerr);
}
