#include <CLI/CLI.hpp>

#include <algorithm>
#include <map>
#include <optional>

#include "api/session_view.hpp"
#include "chains/evm/address_codec.hpp"
#include "daemon/impl/api_ports.hpp"
#include "daemon/impl/chain_settings.hpp"
#include "daemon/impl/cli_context.hpp"
#include "daemon/impl/credit_text.hpp"
#include "daemon/log_sink.hpp"

namespace depositd {

namespace {

using nlohmann::json;

struct Story {
    api::SessionFacts facts;
    std::vector<db::JournalEntry> journal;
    std::vector<db::PayoutFull> payouts;
    std::vector<db::Halt> halts;
    struct Heights {
        std::uint64_t tip = 0;
        std::optional<std::uint64_t> final;
    };
    std::map<core::ChainId, Heights> heights;
};

core::Expected<Story> read_story(db::UnitOfWork& work, const core::SessionId& id) {
    Story out;
    auto row = work.sessions().load(id);
    if (!row) return row.error();
    if (!*row) return core::Error{core::Errc::kNotFound, "no session has the id " + id.text()};
    out.facts.row = **row;
    auto receivers = work.receivers().of_session(id);
    if (!receivers) return receivers.error();
    if (!receivers->empty()) out.facts.receiver = receivers->front();
    auto deposits = work.deposits().of_session(id);
    if (!deposits) return deposits.error();
    out.facts.deposits = std::move(*deposits);
    auto journal = work.sessions().journal(id);
    if (!journal) return journal.error();
    out.journal = std::move(*journal);
    auto payouts = work.payouts().of_session(id);
    if (!payouts) return payouts.error();
    out.payouts = std::move(*payouts);
    out.facts.waiting_for = api::waiting_for(out.payouts);
    out.facts.story = api::SessionStory{out.journal, out.payouts};
    auto halts = work.blocks().open_halts();
    if (!halts) return halts.error();
    out.halts = std::move(*halts);
    auto tips = work.blocks().tips();
    if (!tips) return tips.error();
    for (const auto& [chain, tip] : *tips) {
        auto final = work.blocks().final_block(chain);
        if (!final) return final.error();
        Story::Heights& heights = out.heights[chain];
        heights.tip = tip.height;
        if (*final) heights.final = (**final).height;
    }
    return out;
}

//! What a transaction was for.
std::string step_name(const db::PayoutFull& full, core::StepId id) {
    for (const db::PayoutStep& step : full.steps) {
        if (step.id != id) continue;
        const bool is_back = step.kind == db::StepKind::kApprove && step.units.is_zero();
        return is_back ? "approve nothing" : std::string{to_string(step.kind)};
    }
    return "unknown step";
}

class Teller {
  public:
    Teller(std::ostream& out, std::vector<chains::ChainInfo> infos) : out_{out}, infos_{std::move(infos)} {}

    void explain(const Story& story) const {
        const session::Session& session = story.facts.row.session;
        const ConfiguredChains chains{infos_, codec_};
        const auto reason = api::status_reason(story.facts, chains, api::Audience::kOwner);
        out_ << "Session " << session.id.text() << " is " << session::to_string(session.state) << ".\n"
             << reason.message << "\n\n";
        out_ << "It asks for "
             << (session.destination.units ? money(session.destination.asset, *session.destination.units)
                                           : "whatever comes of " + session.destination.asset.text())
             << ", to be delivered to " << codec_.format(session.destination.address) << ".\n";
        if (!session.destination.calldata.empty()) {
            const core::ByteView data{session.destination.calldata};
            out_ << "That is a contract: it is called with " << data.size() << " bytes, function "
                 << core::to_hex0x(data.first(4)) << ", and may take what is delivered. What it leaves goes back.\n";
        }
        if (session.refund_address) {
            out_ << "Money that cannot be delivered goes back to "
                 << codec_.format(*session.refund_address) << ".\n";
        } else {
            out_ << "It has no refund address: money that cannot be delivered is held.\n";
        }
        if (story.facts.receiver) {
            out_ << "The payer's address is " << codec_.format(story.facts.receiver->address) << ".\n";
        }
        out_ << "Its deadline: " << utc_text(session.expires_at) << ".\n";
        tell_deposits(story);
        tell_payouts(story);
        for (const db::Halt& halt : story.halts) {
            if (halt.chain != session.destination.asset.chain()) continue;
            out_ << "\nPayouts on " << halt.chain.text() << " are halted since " << utc_text(halt.since)
                 << ": " << halt.reason << "\nLook into it, then: depositd halt acknowledge --chain "
                 << halt.chain.text() << " --by YOUR-NAME\n";
        }
    }

    void show(const Story& story) const {
        explain(story);
        out_ << "\nWhat happened\n";
        TextTable table{{"AT", "EVENT", "FROM", "TO", "DETAIL"}};
        for (const db::JournalEntry& entry : story.journal) {
            table.row({utc_text(entry.at), entry.event, std::string{session::to_string(entry.from)},
                       std::string{session::to_string(entry.to)}, entry.detail});
        }
        table.print(out_);
    }

  private:
    std::string money(const core::AssetId& asset, const core::Units& units) const {
        return depositd::money(asset, units, infos_);
    }

    void tell_deposits(const Story& story) const {
        if (story.facts.deposits.empty()) {
            out_ << "\nNo deposit has been seen.\n";
            return;
        }
        out_ << "\nDeposits\n";
        for (const db::Deposit& deposit : story.facts.deposits) {
            out_ << "  " << money(deposit.asset, deposit.units) << ", " << to_string(deposit.status)
                 << ", block " << deposit.height << " of " << utc_text(deposit.mined_at);
            if (!deposit.tx.empty()) out_ << ", transaction " << codec_.format_tx(deposit.tx);
            out_ << "\n";
            tell_waiting(story, deposit);
        }
    }

    //! What the credit policy still asks for.
    void tell_waiting(const Story& story, const db::Deposit& deposit) const {
        const auto heights = story.heights.find(deposit.chain);
        if (deposit.status != db::DepositStatus::kDetected || heights == story.heights.end()) return;
        for (const chains::ChainInfo& info : infos_) {
            if (info.id != deposit.chain) continue;
            const auto& [tip, final] = heights->second;
            const std::string text = credit_waits_for(info, deposit, tip, final);
            if (!text.empty()) out_ << "    waits for: " << text << "\n";
        }
    }

    //! The last refund, when the session is held because it failed.
    static bool is_to_be_tried_again(const Story& story, const db::Payout& payout) {
        const session::Session& session = story.facts.row.session;
        return payout.leg == db::Leg::kRefund && session.state == session::State::kHeld &&
               session.reason == session::Reason::kRefundImpossible &&
               std::none_of(story.payouts.begin(), story.payouts.end(), [&](const db::PayoutFull& other) {
                   return other.payout.leg == db::Leg::kRefund && other.payout.id > payout.id;
               });
    }

    void tell_payouts(const Story& story) const {
        if (story.payouts.empty()) return;
        out_ << "\nPayouts\n";
        for (const db::PayoutFull& full : story.payouts) {
            const db::Payout& payout = full.payout;
            out_ << "  " << payout.id.value << ": " << to_string(payout.leg) << " of "
                 << money(payout.asset, payout.units) << " to " << codec_.format(payout.recipient)
                 << ", " << to_string(payout.status) << "\n";
            if (!payout.reason.empty()) out_ << "    why: " << payout.reason << "\n";
            if (!payout.waiting_for.empty()) out_ << "    waits for: " << payout.waiting_for << "\n";
            for (const db::Attempt& attempt : full.attempts) {
                out_ << "    transaction " << codec_.format_tx(attempt.tx) << ", "
                     << step_name(full, attempt.step) << ", sent " << attempt.send_count << " times\n";
            }
            if (payout.status == db::PayoutStatus::kHeld || is_to_be_tried_again(story, payout)) {
                out_ << "    when it may go on: depositd payout resume " << payout.id.value << "\n";
            }
        }
    }

    std::ostream& out_;
    std::vector<chains::ChainInfo> infos_;
    chains::evm::EvmAddressCodec codec_;
};

int tell(CliContext& context, const std::string& id, bool everything) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    auto infos = chain_infos_of(*config);
    if (!infos) return context.failed(infos.error());
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    const auto story = context.read<Story>(
        *store, [id](db::UnitOfWork& work) { return read_story(work, core::SessionId{id}); });
    if (!story) return context.failed(story.error());
    if (context.json) {
        const chains::evm::EvmAddressCodec codec;
        const ConfiguredChains chains{*infos, codec};
        json object = api::session_json(story->facts, chains, api::Audience::kOwner);
        object.erase("clientSecret");
        context.out << object.dump(2, ' ', false, json::error_handler_t::replace) << "\n";
        return kExitOk;
    }
    const Teller teller{context.out, std::move(*infos)};
    if (everything) {
        teller.show(*story);
    } else {
        teller.explain(*story);
    }
    return kExitOk;
}

struct ListWanted {
    std::string state;
    std::size_t limit = 20;
};

int list_sessions(CliContext& context, const ListWanted& wanted) {
    const auto config = context.config();
    if (!config) return kExitUsage;
    auto infos = chain_infos_of(*config);
    if (!infos) return context.failed(infos.error());
    const auto store = context.store(*config);
    if (!store) return kExitFinding;
    db::SessionFilter filter;
    filter.limit = wanted.limit;
    for (const session::State state : session::kAllStates) {
        if (session::to_string(state) == wanted.state) filter.states.push_back(state);
    }
    const auto rows = context.read<std::vector<db::SessionRow>>(
        *store, [filter](db::UnitOfWork& work) { return work.sessions().list(filter); });
    if (!rows) return context.failed(rows.error());
    TextTable table{{"ID", "STATE", "ASKS FOR", "CREATED", "DEADLINE"}};
    for (const db::SessionRow& row : *rows) {
        const session::Session& session = row.session;
        table.row({session.id.text(), std::string{session::to_string(session.state)},
                   session.destination.units
                       ? money(session.destination.asset, *session.destination.units, *infos)
                       : "anything of " + session.destination.asset.text(),
                   utc_text(row.created_at), utc_text(session.expires_at)});
    }
    table.print(context.out);
    return kExitOk;
}

}  // namespace

void add_session_commands(CLI::App& app, CliContext& context) {
    auto* session_command = app.add_subcommand("session", "Look at sessions");
    session_command->require_subcommand(1);
    auto id = std::make_shared<std::string>();
    auto* show = session_command->add_subcommand("show", "One session with all that happened to it");
    show->footer("Example:\n  depositd session show 6f1c…");
    show->add_option("id", *id, "The session's id")->required();
    show->callback([&context, id] {
        context.chosen = [&context, id] { return tell(context, *id, true); };
    });
    auto* explain = session_command->add_subcommand("explain", "In plain words: where it stands and why");
    explain->footer("Example:\n  depositd session explain 6f1c…");
    explain->add_option("id", *id, "The session's id")->required();
    explain->callback([&context, id] {
        context.chosen = [&context, id] { return tell(context, *id, false); };
    });
    auto wanted = std::make_shared<ListWanted>();
    auto* list = session_command->add_subcommand("list", "The newest sessions");
    list->footer("Examples:\n  depositd session list\n  depositd session list --state held --limit 100");
    std::vector<std::string> states;
    for (const session::State state : session::kAllStates) {
        states.emplace_back(session::to_string(state));
    }
    list->add_option("--state", wanted->state, "Only those in this state")->check(CLI::IsMember(states));
    list->add_option("--limit", wanted->limit, "How many")
        ->check(CLI::Range(1, 1000))->capture_default_str();
    list->callback([&context, wanted] {
        context.chosen = [&context, wanted] { return list_sessions(context, *wanted); };
    });
}

}  // namespace depositd
