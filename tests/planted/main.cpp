// Shows that the simulation finds planted defects. scripts/planted builds and starts it.

#include <cstdio>

#include <CLI/CLI.hpp>

#include "tests/planted/defects.hpp"
#include "tests/planted/hunt.hpp"
#include "tests/simulation/print.hpp"

namespace {

void list() {
    for (const planted::Description& defect : planted::all()) {
        std::printf("%-34.*s %.*s\n", static_cast<int>(defect.name.size()), defect.name.data(),
                    static_cast<int>(defect.what.size()), defect.what.data());
    }
}

int replay(const std::string& name, simulation::RunOptions world) {
    if (!planted::plant(name)) {
        std::fprintf(stderr, "there is no defect %s: see --list\n", name.c_str());
        return 2;
    }
    world.listener = simulation::printer();
    const simulation::RunReport report = simulation::run(world);
    simulation::print(report, world.seed);
    return report.violations.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Plants one defect after another into depositd and looks how soon the simulation finds it."};
    planted::Hunt hunt;
    std::string one;
    bool lists = false;
    app.add_flag("--list", lists, "say which defects there are");
    app.add_option("--only", hunt.only, "those that have this in their names");
    app.add_option("--days", hunt.days_max, "fault-days to find one in")->capture_default_str();
    app.add_option("--world-days", hunt.world.days, "fault-days of each world")->capture_default_str();
    app.add_option("--seed", hunt.world.seed, "first seed")->capture_default_str();
    app.add_option("--jobs", hunt.jobs, "processes at once")->capture_default_str();
    app.add_flag("--table", hunt.as_table, "rows for docs/PLANTED_DEFECTS.md");
    app.add_option("--replay", one, "one world with this defect, told line by line");
    CLI11_PARSE(app, argc, argv);
    if (lists) {
        list();
        return 0;
    }
    if (!one.empty()) return replay(one, hunt.world);
    return planted::hunt_all(hunt) ? 0 : 1;
}
