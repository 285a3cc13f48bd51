#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace depositd {

//! What a command ends with, as the process's exit code.
enum ExitCode : int {
    kExitOk = 0,
    kExitFinding = 1,  //!< it failed, or it found what it was looking for: a difference, a hole
    kExitUsage = 2,    //!< the command line or the configuration is wrong
};

//! The command line: `arguments` without the program's name. Answers for people go to `out`, what went
//! wrong to `err`.
int run_cli(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err);

}  // namespace depositd
