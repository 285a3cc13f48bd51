#include "tests/planted/defects.hpp"

namespace planted {
namespace {

Defect& switched_on() {
    static Defect one = Defect::none;
    return one;
}

}  // namespace

const std::vector<Description>& all() {
#define DEPOSITD_DEFECT_ROW(name, what) Description{#name, what},
    static const std::vector<Description> rows{DEPOSITD_DEFECTS(DEPOSITD_DEFECT_ROW)};
#undef DEPOSITD_DEFECT_ROW
    return rows;
}

bool plant(std::string_view name) {
    switched_on() = Defect::none;
    skipped_blocks().clear();
    if (name.empty()) return true;
    for (std::size_t i = 0; i < all().size(); ++i) {
        if (all()[i].name != name) continue;
        switched_on() = static_cast<Defect>(i + 1);
        return true;
    }
    return false;
}

std::set<std::uint64_t>& skipped_blocks() {
    static std::set<std::uint64_t> heights;
    return heights;
}

Defect current() { return switched_on(); }

}  // namespace planted
