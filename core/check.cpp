#include "core/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace core {

void check_failed(std::string_view condition, std::string_view file, int line,
                  std::string_view detail) {
    std::fprintf(stderr, "depositd: broken invariant at %.*s:%d: %.*s%s%.*s\n",
                 static_cast<int>(file.size()), file.data(), line,
                 static_cast<int>(condition.size()), condition.data(), detail.empty() ? "" : ": ",
                 static_cast<int>(detail.size()), detail.data());
    std::fflush(stderr);
    std::abort();
}

}  // namespace core
