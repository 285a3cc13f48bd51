#include "api/session_timeline.hpp"

#include "api/impl/names.hpp"
#include "api/impl/payout_story.hpp"
#include "api/session_view.hpp"
#include "core/check.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

namespace api {
namespace {

using impl::Names;
using nlohmann::json;

//! A journal row about many deposits may be long; what stands further back is told by their own
//! rows.
constexpr std::size_t kDetailMost = 16 * 1024;

//! How a journal row names a deposit: its transaction or, when only a balance shows it, its key.
std::string journal_name(const db::Deposit& deposit) {
    return deposit.tx.empty() ? deposit.key : deposit.tx.hex0x();
}

//! "4 of A in N1, block 7; 5 of A in N2, block 7" → N1, N2
std::set<std::string, std::less<>> names_in(std::string_view detail) {
    constexpr std::string_view kIn = " in ";
    detail = detail.substr(0, kDetailMost);
    std::set<std::string, std::less<>> out;
    for (std::size_t at = detail.find(kIn); at != std::string_view::npos;
         at = detail.find(kIn, at)) {
        at += kIn.size();
        const std::size_t end = detail.find(',', at);
        if (end == std::string_view::npos) break;
        out.emplace(detail.substr(at, end - at));
        at = end;
    }
    return out;
}

//! What of a session's steps is told, and under which name.
const std::map<std::string_view, std::string_view>& told_steps() {
    static const std::map<std::string_view, std::string_view> kSteps{
        {"method_set", "payment_method_set"},
        {"quoted", "quoted"},
        {"signing_prepared", "signing_prepared"},
        {"submitted", "submitted"},
        {"cancelled", "cancelled"},
        {"source_failed", "source_failed"},
        {"resumed", "resumed"}};
    return kSteps;
}

const std::map<std::string_view, std::string_view>& told_moves() {
    static const std::map<std::string_view, std::string_view> kMoves{
        {"deposits_detected", "deposit_detected"},
        {"deposits_confirmed", "deposit_confirmed"},
        {"deposits_orphaned", "deposit_orphaned"}};
    return kMoves;
}

class Timeline {
  public:
    Timeline(const SessionFacts& facts, const SessionStory& story, const Chains& chains)
        : facts_{facts}, story_{story}, names_{chains} {
        const auto& all = facts.deposits;
        const std::size_t count = std::min(all.size(), kStoryMost);
        for (std::size_t i = all.size() - count; i < all.size(); ++i) {
            by_name_[journal_name(all[i])].push_back(&all[i]);
        }
    }

    json told(const std::string& waits) {
        add(facts_.row.created_at, kSessionRank, {{"what", "created"}});
        for (const db::JournalEntry& entry : story_.journal) tell(entry);
        for (const auto& [name, deposits] : by_name_) {
            for (const db::Deposit* deposit : deposits) tell(*deposit);
        }
        for (const db::PayoutFull& full : story_.payouts) {
            if (full.payout.units.is_zero()) continue;  // it ends an allowance, and returns nothing
            if (impl::moves_customers_money(full.payout.leg)) tell(full);
        }
        std::stable_sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
            return std::pair{a.at, a.rank} < std::pair{b.at, b.rank};
        });
        if (!waits.empty()) {
            add(entries_.back().at, kPayoutRank,
                {{"what", "waiting"}, {"reason", impl::for_people(waits)}});
        }
        json out = json::array();
        const std::size_t count = std::min(entries_.size(), kStoryMost);
        for (std::size_t i = entries_.size() - count; i < entries_.size(); ++i) {
            out.push_back(std::move(entries_[i].shown));
        }
        return out;
    }

  private:
    //! What causes something is told before it where both have the same time.
    static constexpr int kSessionRank = 0;
    static constexpr int kDepositRank = 1;
    static constexpr int kJournalRank = 2;
    static constexpr int kPayoutRank = 3;
    struct Entry {
        core::Instant at;
        int rank = 0;
        json shown;
    };

    void add(core::Instant at, int rank, json shown) {
        shown["at"] = at.unix_seconds();
        entries_.push_back({at, rank, std::move(shown)});
    }

    void tell(const db::JournalEntry& entry) {
        const auto move = told_moves().find(entry.event);
        if (move != told_moves().end()) {
            tell_move(entry, move->second);
        } else if (entry.event == "deadline_passed") {
            const bool expired = entry.to == session::State::kExpired;
            add_reason(entry, expired ? "expired" : "deadline_passed");
        } else if (entry.event == "stray") {
            tell_stray(entry);
        } else if (const auto step = told_steps().find(entry.event); step != told_steps().end()) {
            add_reason(entry, step->second);
        }
        // The ends of payouts are told by the payouts; why the session was stopped, only here.
        const bool stopped =
            entry.to == session::State::kHeld && entry.from != session::State::kHeld;
        if (stopped && move == told_moves().end()) {
            add_reason(entry, "held");
        } else if (stopped) {
            // The row's detail lists the deposits, not what is wrong with them.
            add(entry.at, kJournalRank, {{"what", "held"}});
        }
    }

    void add_reason(const db::JournalEntry& entry, std::string_view what) {
        json shown{{"what", what}};
        if (!entry.detail.empty()) shown["reason"] = impl::for_people(entry.detail);
        add(entry.at, kJournalRank, std::move(shown));
    }

    void tell_move(const db::JournalEntry& entry, std::string_view what) {
        for (const std::string& name : names_in(entry.detail)) {
            const auto named = by_name_.find(name);
            if (named == by_name_.end()) continue;
            for (const db::Deposit* deposit : named->second) {
                known_.emplace(deposit->id.value, what);
                add(entry.at, kJournalRank, deposit_json(*deposit, what));
            }
        }
    }

    //! What changed nothing for the session is in no journal: late money, and money it cannot use.
    void tell(const db::Deposit& deposit) {
        if (!known_.contains({deposit.id.value, "deposit_detected"})) {
            add(deposit.detected_at, kDepositRank, deposit_json(deposit, "deposit_detected"));
        }
        const bool confirmed = deposit.confirmed_at.has_value();
        if (confirmed && !known_.contains({deposit.id.value, "deposit_confirmed"})) {
            add(*deposit.confirmed_at, kDepositRank, deposit_json(deposit, "deposit_confirmed"));
        }
    }

    json deposit_json(const db::Deposit& deposit, std::string_view what) const {
        json out{{"what", what}, {"amount", names_.amount(deposit.asset, deposit.units)}};
        names_.put_chain(out, deposit.chain);
        if (!deposit.tx.empty()) names_.put_tx(out, deposit.chain, deposit.tx);
        return out;
    }

    void tell(const db::PayoutFull& full) {
        const db::Payout& payout = full.payout;
        add(payout.created_at, kPayoutRank, payout_json(payout, "payout_planned"));
        for (const db::Attempt& attempt : full.attempts) {
            if (!attempt.sent_at || !impl::carries_money(full, attempt)) continue;
            json sent = payout_json(payout, "payout_sent");
            names_.put_tx(sent, payout.asset.chain(), attempt.tx);
            add(*attempt.sent_at, kPayoutRank, std::move(sent));
        }
        const bool held = payout.status == db::PayoutStatus::kHeld;
        // That of a delivery or a refund stops the session, whose journal has it.
        const bool told_there = payout.leg == db::Leg::kDelivery || payout.leg == db::Leg::kRefund;
        if (held && told_there) return;
        if (!held && !db::is_terminal(payout.status)) return;
        json ended =
            payout_json(payout, held                                          ? "payout_held"
                                : payout.status == db::PayoutStatus::kFinalOk ? "payout_final"
                                                                              : "payout_failed");
        if (const db::Attempt* attempt = impl::told_attempt(full)) {
            names_.put_tx(ended, payout.asset.chain(), attempt->tx);
        }
        if (!payout.reason.empty()) ended["reason"] = impl::for_people(payout.reason);
        add(payout.updated_at, kPayoutRank, std::move(ended));
    }

    json payout_json(const db::Payout& payout, std::string_view what) const {
        json out{{"what", what},
                 {"leg", to_string(payout.leg)},
                 {"amount", names_.amount(payout.asset, payout.units)}};
        names_.put_chain(out, payout.asset.chain());
        return out;
    }

    //! Parses what settlement writes: "10 of A belongs to no outcome; why".
    void tell_stray(const db::JournalEntry& entry) {
        constexpr std::string_view kOf = " of ";
        constexpr std::string_view kNoOutcome = " belongs to no outcome; ";
        const std::string_view detail = entry.detail;
        const std::size_t of = detail.find(kOf);
        const std::size_t no_outcome = detail.find(kNoOutcome);
        if (of == std::string_view::npos || no_outcome == std::string_view::npos ||
            no_outcome < of) {
            return add_reason(entry, "stray");
        }
        const auto units = core::Units::from_decimal(detail.substr(0, of));
        const std::size_t named = of + kOf.size();
        const auto asset =
            core::AssetId::from_text(std::string{detail.substr(named, no_outcome - named)});
        if (!units || !asset) return add_reason(entry, "stray");
        const std::string why{detail.substr(no_outcome + kNoOutcome.size())};
        json shown{{"what", "stray"},
                   {"amount", names_.amount(*asset, *units)},
                   {"reason", impl::for_people(why)}};
        names_.put_chain(shown, asset->chain());
        add(entry.at, kJournalRank, std::move(shown));
    }

    const SessionFacts& facts_;
    const SessionStory& story_;
    Names names_;
    std::map<std::string, std::vector<const db::Deposit*>, std::less<>> by_name_;
    std::set<std::pair<std::int64_t, std::string_view>> known_;
    std::vector<Entry> entries_;
};

}  // namespace

nlohmann::json timeline_json(const SessionFacts& facts, const SessionStory& story,
                             const Chains& chains, const std::string& waits) {
    return Timeline{facts, story, chains}.told(waits);
}

void put_story(json& out, const SessionFacts& facts, const Chains& chains, std::string waits) {
    CHECK(facts.story.has_value(), "the story was read with the session");
    json refunds = refunds_json(*facts.story, chains);
    json strays = strays_json(facts, *facts.story, chains);
    // A session that has ended may still owe somebody money.
    for (const json* list : {&refunds, &strays}) {
        for (const json& one : *list) {
            if (!waits.empty() || !one.contains("waitingFor")) continue;
            waits = "Money that goes back waits for: " + one["waitingFor"].get<std::string>() + ".";
        }
    }
    out["timeline"] = timeline_json(facts, *facts.story, chains, waits);
    out["refunds"] = std::move(refunds);
    out["strays"] = std::move(strays);
    if (facts.story->before) out["recreatedFrom"] = facts.story->before->text();
    if (facts.story->after) out["recreatedAs"] = facts.story->after->text();
}

}  // namespace api
