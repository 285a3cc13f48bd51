#include <algorithm>

#include <CLI/CLI.hpp>

#include "daemon/impl/chain_settings.hpp"
#include "daemon/impl/cli_context.hpp"
#include "daemon/log_sink.hpp"
#include "settlement/executor.hpp"

namespace depositd {

namespace {

using nlohmann::json;

int list_payouts(CliContext& context) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    auto infos = chain_infos_of(*config);
    if (!infos) return context.failed(infos.error());
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto rows = context.read<std::vector<db::PayoutFull>>(
        *store, [&infos](db::UnitOfWork& work) -> core::Expected<std::vector<db::PayoutFull>> {
            auto out = work.payouts().held();
            if (!out) return out.error();
            for (const chains::ChainInfo& info : *infos) {
                auto active = work.payouts().active(info.id, {}, 1000);
                if (!active) return active.error();
                for (db::PayoutFull& full : *active) {
                    const bool is_in = std::any_of(out->begin(), out->end(), [&](const auto& one) {
                        return one.payout.id == full.payout.id;
                    });
                    if (!is_in) out->push_back(std::move(full));
                }
            }
            return out;
        });
    if (!rows) return context.failed(rows.error());
    if (context.json) {
        json all = json::array();
        for (const db::PayoutFull& full : *rows) {
            const db::Payout& payout = full.payout;
            all.push_back({{"id", payout.id.value},
                           {"leg", to_string(payout.leg)},
                           {"status", to_string(payout.status)},
                           {"asset", payout.asset.text()},
                           {"baseUnits", payout.units.decimal()},
                           {"session", payout.session ? json(payout.session->text()) : json(nullptr)},
                           {"reason", payout.reason},
                           {"waitingFor", payout.waiting_for}});
        }
        context.out << all.dump(2) << "\n";
        return kExitOk;
    }
    TextTable table{{"ID", "LEG", "AMOUNT", "STATUS", "SINCE", "SESSION", "WHY"}};
    for (const db::PayoutFull& full : *rows) {
        const db::Payout& payout = full.payout;
        table.row({std::to_string(payout.id.value), std::string{to_string(payout.leg)},
                   money(payout.asset, payout.units, *infos), std::string{to_string(payout.status)},
                   utc_text(payout.updated_at), payout.session ? payout.session->text() : "-",
                   payout.waiting_for.empty() || payout.status == db::PayoutStatus::kHeld
                       ? payout.reason
                       : payout.waiting_for});
    }
    if (table.empty()) {
        context.out << "no payout is held or under way\n";
    } else {
        table.print(context.out);
    }
    return kExitOk;
}

//! Only rows change here: a daemon that runs, or is started later, acts on them.
core::Expected<core::PayoutId> resume_offline(CliContext& context, const Config& config,
                                              std::int64_t id) {
    auto infos = chain_infos_of(config);
    if (!infos) return infos.error();
    const auto store = context.store(config);
    if (!store) return core::Error{core::Errc::kStorage, "the payout was not touched"};
    const settlement::DirectRouter route;
    const settlement::Context shared{*store,           route, context.clock, *context.log,
                                     *context.metrics, *infos};
    return context.wait(settlement::resume_payout(shared, core::PayoutId{id}));
}

int resume(CliContext& context, std::int64_t id, const std::string& by) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto answer = ask_daemon(context, *config, "POST",
                                   "/operator/payouts/" + std::to_string(id) + "/resume",
                                   json{{"by", by}});
    if (!answer && answer.error().code != core::Errc::kUnreachable) return context.failed(answer.error());
    std::int64_t goes_on = answer ? answer->value("goesOn", id) : id;
    if (!answer) {
        const auto done = resume_offline(context, *config, id);
        if (!done) return context.failed(done.error());
        goes_on = done->value;
        context.out << "no daemon is running; ";
    }
    if (goes_on == id) {
        context.out << "payout " << id << " may go on\n";
    } else {
        context.out << "payout " << id << " had failed; payout " << goes_on << " tries again\n";
    }
    return kExitOk;
}

int list_halts(CliContext& context) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto rows = context.read<std::vector<db::Halt>>(
        *store, [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
    if (!rows) return context.failed(rows.error());
    if (context.json) {
        json all = json::array();
        for (const db::Halt& halt : *rows) {
            all.push_back({{"chain", halt.chain.text()},
                           {"reason", halt.reason},
                           {"since", utc_text(halt.since)}});
        }
        context.out << all.dump(2) << "\n";
        return rows->empty() ? kExitOk : kExitFinding;
    }
    if (rows->empty()) {
        context.out << "no chain is halted\n";
        return kExitOk;
    }
    TextTable table{{"CHAIN", "SINCE", "WHY"}};
    for (const db::Halt& halt : *rows) {
        table.row({halt.chain.text(), utc_text(halt.since), halt.reason});
    }
    table.print(context.out);
    return kExitFinding;
}

int acknowledge(CliContext& context, const std::string& chain, const std::string& by) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const core::Instant now = context.clock.now();
    auto done = context.write<core::Done>(*store, [=](db::UnitOfWork& work) {
        return work.blocks().acknowledge_halts(core::ChainId{chain}, by, now);
    });
    if (!done) return context.failed(done.error());
    context.out << "payouts on " << chain << " may go on\n";
    return kExitOk;
}

}  // namespace

void add_payout_commands(CLI::App& app, CliContext& context) {
    auto* payout = app.add_subcommand("payout", "Money out that is held, failed to go back, or is under way");
    payout->require_subcommand(1);
    payout->add_subcommand("list", "Held ones first")->callback([&context] {
        context.chosen = [&context] { return list_payouts(context); };
    });
    auto id = std::make_shared<std::int64_t>(0);
    auto by = std::make_shared<std::string>("command line");
    auto* go_on = payout->add_subcommand("resume", "Let a held payout go on, or have a refund that failed tried again");
    go_on->footer("Example:\n  depositd payout resume 12 --by alice\n\nRead the reason first: "
                  "depositd payout list");
    go_on->add_option("id", *id, "The payout's number")->required();
    go_on->add_option("--by", *by, "Who decided it")->capture_default_str();
    go_on->callback([&context, id, by] {
        context.chosen = [&context, id, by] { return resume(context, *id, *by); };
    });

    auto* halt = app.add_subcommand("halt", "Chains on which payouts are stopped");
    halt->require_subcommand(1);
    halt->add_subcommand("list", "Open halts and why; exit 1 when there are any")->callback([&context] {
        context.chosen = [&context] { return list_halts(context); };
    });
    auto chain = std::make_shared<std::string>();
    auto* ack = halt->add_subcommand("acknowledge", "Let payouts go on after you looked into it");
    ack->footer("Example:\n  depositd halt acknowledge --chain eip155:8453 --by alice");
    ack->add_option("--chain", *chain, "CAIP-2 id")->required();
    ack->add_option("--by", *by, "Who decided it")->required();
    ack->callback([&context, chain, by] {
        context.chosen = [&context, chain, by] { return acknowledge(context, *chain, *by); };
    });
}

}  // namespace depositd
