#include <algorithm>

#include <CLI/CLI.hpp>

#include "chains/evm/address.hpp"
#include "chains/evm/address_codec.hpp"
#include "daemon/impl/cli_context.hpp"
#include "daemon/impl/chain_settings.hpp"
#include "daemon/impl/replay_desk.hpp"
#include "daemon/log_sink.hpp"
#include "settlement/reconcile.hpp"

namespace depositd {

namespace {

using nlohmann::json;

constexpr core::Millis kProgressEvery{500};

std::string_view evidence_text(int evidence) {
    switch (static_cast<chains::Evidence>(evidence)) {
        case chains::Evidence::kLogsAgree: return "logs agree with the header";
        case chains::Evidence::kBloomExcludes: return "the header's filter excludes any";
        case chains::Evidence::kSecondEndpoint: return "a second endpoint agrees";
        case chains::Evidence::kReceipts: return "every receipt was read";
    }
    return "unknown";
}

struct Range {
    std::string chain;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
};

//! The first hole or broken link in from…to, empty when there is none.
std::string first_gap(const std::vector<db::CoverageRow>& rows, const Range& range) {
    std::uint64_t next = range.from;
    const db::CoverageRow* before = nullptr;
    for (const db::CoverageRow& row : rows) {
        if (row.to < next) continue;
        if (row.from > next) break;
        if (before != nullptr && row.from == before->to + 1 && row.first_parent != before->last_hash) {
            return "block " + std::to_string(row.from) + " does not stand on the one before";
        }
        before = &row;
        next = row.to + 1;
        if (next > range.to) return "";
    }
    return "block " + std::to_string(next) + " was not read";
}

int coverage(CliContext& context, const Range& range) {
    if (range.from > range.to) {
        context.err << "--from must not be above --to\n";
        return kExitUsage;
    }
    const auto config = context.config();
    if (!config) return kExitUsage;
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto rows = context.read<std::vector<db::CoverageRow>>(
        *store, [range](db::UnitOfWork& work) {
            return work.blocks().coverage(core::ChainId{range.chain}, range.from, range.to);
        });
    if (!rows) return context.failed(rows.error());
    const auto second = context.read<std::optional<db::SecondReading>>(
        *store, [range](db::UnitOfWork& work) {
            return work.blocks().second_reading(core::ChainId{range.chain});
        });
    if (!second) return context.failed(second.error());
    const std::string gap = first_gap(*rows, range);
    if (context.json) {
        json all = json::array();
        for (const db::CoverageRow& row : *rows) {
            all.push_back({{"from", row.from},
                           {"to", row.to},
                           {"endpoint", row.endpoint},
                           {"evidence", evidence_text(row.evidence)},
                           {"logs", row.log_count},
                           {"transactions", row.tx_count},
                           {"readAt", utc_text(row.read_at)},
                           {"lastHash", row.last_hash.hex0x()}});
        }
        json again = nullptr;
        if (*second) {
            again = {{"to", (**second).height},
                     {"endpoint", (**second).endpoint},
                     {"readAt", utc_text((**second).at)}};
        }
        context.out << json{{"complete", gap.empty()}, {"gap", gap}, {"rows", all}, {"readTwice", again}}
                           .dump(2)
                    << "\n";
        return gap.empty() ? kExitOk : kExitFinding;
    }
    if (gap.empty()) {
        context.out << "No: every block of " << range.chain << " from " << range.from << " to "
                    << range.to << " was read, each linked to the one before. No deposit was missed.\n\n";
    } else {
        context.out << "Yes: " << gap << ". Deposits in what was not read would be unknown.\n"
                    << "Read it with: depositd replay --chain " << range.chain << " --from "
                    << range.from << " --to " << range.to << "\n\n";
    }
    if (*second) {
        context.out << "Blocks up to " << (**second).height << " were read a second time, from another "
                    << "endpoint than the first; the last of them by " << (**second).endpoint << " at "
                    << utc_text((**second).at) << ".\n\n";
    } else {
        context.out << "No block was read a second time: that happens when it is final, and takes a "
                    << "second endpoint.\n\n";
    }
    TextTable table{{"FROM", "TO", "ENDPOINT", "LOGS", "TXS", "READ AT", "WHY AN EMPTY BLOCK IS BELIEVED"}};
    for (const db::CoverageRow& row : *rows) {
        table.row({std::to_string(row.from), std::to_string(row.to), row.endpoint,
                   std::to_string(row.log_count), std::to_string(row.tx_count), utc_text(row.read_at),
                   std::string{evidence_text(row.evidence)}});
    }
    table.print(context.out);
    return gap.empty() ? kExitOk : kExitFinding;
}

void tell_progress(CliContext& context, const json& at) {
    if (context.json) return;
    context.err << "\r" << at.value("chain", "") << "  " << at.value("blocksDone", 0) << " of "
                << at.value("blocksTotal", 0) << " blocks, " << at.value("found", 0) << " deposits, "
                << at.value("newDeposits", 0) << " new   " << std::flush;
}

int tell_end(CliContext& context, const json& at) {
    if (context.json) {
        context.out << at.dump(2) << "\n";
    } else {
        context.err << "\n";
        if (at.contains("error")) {
            context.err << "replay failed: " << at["error"].get<std::string>() << "\n";
        } else {
            context.out << at.value("summary", "done") << "\n";
        }
    }
    return at.contains("error") ? kExitFinding : kExitOk;
}

core::Task<core::Expected<json>> replay_here(CliContext& context, const Config& config,
                                             net::HttpClient& http, db::Database& database,
                                             json order) {
    auto chains = make_chains(config, http, context.around());
    if (!chains) co_return chains.error();
    std::vector<ReplayDesk::Chain> readers;
    for (const ChainParts& chain : *chains) readers.push_back({chain.info.id, chain.reader.get()});
    auto infos = chain_infos_of(config);
    if (!infos) co_return infos.error();
    auto keys = load_keys(config, *infos, context.sources, context.rng);
    if (!keys) co_return keys.error();
    watchers::WatchSet watch{"eip155", keys->operators};
    const chains::evm::EvmAddressCodec codec;
    ReplayDesk desk{co_await core::asio::this_coro::executor, std::move(readers), database, watch,
                    codec, context.clock, *context.log};
    auto started = desk.start(order);
    if (!started) co_return started.error();
    co_await desk.run_waiting();
    co_return desk.progress((*started)["id"].get<std::string>());
}

int replay(CliContext& context, const json& order) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    auto answer = ask_daemon(context, *config, "POST", "/operator/replays", order);
    if (!answer && answer.error().code == core::Errc::kUnreachable) {
        context.err << "no daemon is running; reading here\n";
        const auto store = context.store(*config);
        if (!store) return kExitFinding;
        const auto http = net::make_curl_http_client(context.io.get_executor(), {}, *context.log);
        const auto ended = context.wait(replay_here(context, *config, *http, *store, order));
        return ended ? tell_end(context, *ended) : context.failed(ended.error());
    }
    while (answer && !answer->value("done", false)) {
        tell_progress(context, *answer);
        context.wait([](core::Clock& clock) -> core::Task<int> {
            co_await clock.sleep_for(kProgressEvery);
            co_return 0;
        }(context.clock));
        answer = ask_daemon(context, *config, "GET",
                            "/operator/replays/" + (*answer)["id"].get<std::string>(), {});
    }
    if (!answer) return context.failed(answer.error());
    tell_progress(context, *answer);
    return tell_end(context, *answer);
}

core::Task<core::Expected<settlement::ReconcileReport>> compare(db::Database& database,
                                                                ChainParts& chain,
                                                                std::vector<core::Address> operators,
                                                                bool every_receiver) {
    settlement::ReconcileRequest request;
    request.chain = chain.info.id;
    request.native = chain.info.native_asset;
    for (const chains::TokenInfo& token : chain.info.tokens) request.assets.push_back(token.asset);
    request.operator_addresses = std::move(operators);
    request.every_receiver = every_receiver;
    chains::ChainReader& reader = *chain.reader;
    settlement::BalanceAt balance_at = [&reader](core::AssetId asset, core::Address owner,
                                                 core::BlockRef at) {
        return reader.balance_of(std::move(asset), owner, at);
    };
    co_return co_await settlement::reconcile(database, std::move(request), std::move(balance_at));
}

struct ReconcileWanted {
    std::string chain;
    bool every_receiver = false;
};

json report_json(const core::ChainId& chain, const settlement::ReconcileReport& report) {
    json lines = json::array();
    for (const auto& line : report.lines) {
        json one = {{"address", chains::evm::checksummed(line.owner)},
                    {"asset", line.asset.text()},
                    {"booked", line.booked.decimal()},
                    {"expected", line.expected.decimal()},
                    {"onChain", nullptr},
                    {"equal", nullptr}};
        if (line.not_told) {
            one["notTold"] = line.not_told->message;
        } else {
            one["onChain"] = line.on_chain.decimal();
            one["equal"] = line.equal;
        }
        lines.push_back(std::move(one));
    }
    return {{"chain", chain.text()}, {"height", report.at.height}, {"block", report.at.hash.hex0x()},
            {"differences", report.differences}, {"notTold", report.not_told}, {"lines", lines}};
}

void tell_report(CliContext& context, const ChainParts& chain,
                 const settlement::ReconcileReport& report) {
    context.out << chain.info.id.text() << " at block " << report.at.height << " "
                << report.at.hash.hex0x() << "\n";
    TextTable table{{"", "ADDRESS", "ASSET", "BOOKED", "EXPECTED", "ON CHAIN"}};
    for (const auto& line : report.lines) {
        const chains::TokenInfo* token = chain.info.token(line.asset);
        const auto text = [token](const core::Units& units) {
            return token == nullptr ? units.decimal() : units.token_decimal(token->decimals);
        };
        const char* verdict = line.not_told ? "NOT TOLD" : line.equal ? "=" : "DIFFERS";
        table.row({verdict, chains::evm::checksummed(line.owner),
                   token == nullptr ? line.asset.text() : token->symbol, text(line.booked),
                   text(line.expected), line.not_told ? "?" : text(line.on_chain)});
    }
    if (!table.empty()) table.print(context.out);
    for (const auto& line : report.lines) {
        if (!line.not_told) continue;
        context.out << chains::evm::checksummed(line.owner) << " could not be asked for "
                    << line.asset.text() << ": " << line.not_told->message << "\n";
    }
    context.out << report.lines.size() << " balances, " << report.differences << " differences";
    if (report.not_told > 0) context.out << ", " << report.not_told << " could not be asked";
    context.out << "\n\n";
}

int reconcile(CliContext& context, const ReconcileWanted& wanted) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    auto infos = chain_infos_of(*config);
    if (!infos) return context.failed(infos.error());
    auto keys = load_keys(*config, *infos, context.sources, context.rng);
    if (!keys) return context.failed(keys.error());
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto http = net::make_curl_http_client(context.io.get_executor(), {}, *context.log);
    auto chains = make_chains(*config, *http, context.around());
    if (!chains) return context.failed(chains.error());
    int code = kExitOk;
    bool any = false;
    json all = json::array();
    for (ChainParts& chain : *chains) {
        if (!wanted.chain.empty() && chain.info.id.text() != wanted.chain) continue;
        any = true;
        const auto report =
            context.wait(compare(*store, chain, keys->operators, wanted.every_receiver));
        if (!report) {
            context.err << chain.info.id.text() << ": ";
            code = context.failed(report.error());
            continue;
        }
        if (report->differences + report->not_told > 0) code = kExitFinding;
        if (context.json) {
            all.push_back(report_json(chain.info.id, *report));
        } else {
            tell_report(context, chain, *report);
        }
    }
    if (context.json) context.out << all.dump(2) << "\n";
    if (any) return code;
    context.err << "chain " << wanted.chain << " is not configured\n";
    return kExitUsage;
}

struct ReplayWanted {
    std::string chain;
    std::string tx;
    std::string session;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    bool ranged = false;
};

int replay_command(CliContext& context, const ReplayWanted& wanted) {
    json order = json::object();
    const int kinds = (wanted.ranged ? 1 : 0) + (wanted.tx.empty() ? 0 : 1) +
                      (wanted.session.empty() ? 0 : 1);
    if (kinds != 1 || (wanted.ranged && wanted.chain.empty())) {
        context.err << "say what to read: --chain with --from and --to, or --tx, or --session\n";
        return kExitUsage;
    }
    if (!wanted.chain.empty()) order["chain"] = wanted.chain;
    if (!wanted.tx.empty()) order["tx"] = wanted.tx;
    if (!wanted.session.empty()) order["session"] = wanted.session;
    if (wanted.ranged) {
        order["from"] = wanted.from;
        order["to"] = wanted.to;
    }
    return replay(context, order);
}

}  // namespace

void add_chain_commands(CLI::App& app, CliContext& context) {
    auto range = std::make_shared<Range>();
    auto* covered = app.add_subcommand("coverage", "Could we have missed a deposit?");
    covered->footer("Example:\n  depositd coverage --chain eip155:8453 --from 30000000 --to 30001000\n\n"
                    "Exit code 1 when a block was not read.");
    covered->add_option("--chain", range->chain, "CAIP-2 id")->required();
    covered->add_option("--from", range->from, "First height")->required();
    covered->add_option("--to", range->to, "Last height")->required();
    covered->callback([&context, range] {
        context.chosen = [&context, range] { return coverage(context, *range); };
    });

    auto again = std::make_shared<ReplayWanted>();
    auto* replayed = app.add_subcommand("replay", "Read blocks again; changes nothing on a healthy system");
    replayed->footer("Examples:\n  depositd replay --chain eip155:8453 --from 30000000 --to 30001000\n"
                     "  depositd replay --tx 0x5c50…\n  depositd replay --session 6f1c…\n\n"
                     "The running daemon does it; without one it is done here. It can never cause a\n"
                     "second payment.");
    replayed->add_option("--chain", again->chain, "CAIP-2 id");
    auto* from = replayed->add_option("--from", again->from, "First height");
    auto* to = replayed->add_option("--to", again->to, "Last height");
    from->needs(to);
    to->needs(from);
    replayed->add_option("--tx", again->tx, "The block this transaction is in");
    replayed->add_option("--session", again->session, "Everything since this session was made");
    replayed->callback([&context, again, from] {
        again->ranged = from->count() > 0;
        context.chosen = [&context, again] { return replay_command(context, *again); };
    });

    auto wanted = std::make_shared<ReconcileWanted>();
    auto* books = app.add_subcommand("reconcile", "Compare the books with the chain at one block");
    books->footer("Examples:\n  depositd reconcile\n  depositd reconcile --chain eip155:8453 --all\n\n"
                  "Exit code 1 when any balance differs, or could not be asked.");
    books->add_option("--chain", wanted->chain, "Only this chain");
    books->add_flag("--all", wanted->every_receiver,
                    "Also receivers with nothing on the books: finds money never seen");
    books->callback([&context, wanted] {
        context.chosen = [&context, wanted] { return reconcile(context, *wanted); };
    });
}

}  // namespace depositd
