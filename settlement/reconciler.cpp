#include "settlement/reconciler.hpp"

#include <algorithm>

namespace settlement {
namespace {

using core::Done;
using core::Expected;

//! Addresses asked about at one look, so that it costs a node a few calls a second. docs/CONFIG.md
//! tells the number.
constexpr std::size_t kPart = 200;
constexpr core::Millis kLookAgain{2'000};
constexpr core::Millis kTellAge{10'000};
constexpr std::size_t kToldMax = 1'000;

std::string about(const ReconcileLine& line) { return line.owner.hex0x() + " holds "; }
std::string less_of(const ReconcileLine& line) {
    return " less of " + line.asset.text() + " than the books say";
}

std::string text_of(const ReconcileLine& line) {
    if (!line.missing.is_zero()) return about(line) + line.missing.decimal() + less_of(line);
    return about(line) + line.surplus.decimal() + " more of " + line.asset.text() +
           " than the books say";
}

constexpr std::string_view kReasonHead = "ledger and chain differ: ";

std::string reason_of(const ReconcileLine& line) { return std::string{kReasonHead} + text_of(line); }

//! Is that why payouts were halted once, whatever the amount was?
bool is_reason_at(const std::string& reason, const ReconcileLine& line) {
    return reason.starts_with(std::string{kReasonHead} + about(line)) &&
           reason.ends_with(less_of(line));
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

bool holds(const std::vector<std::string>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

core::Task<void> Reconciler::run() {
    for (;;) {
        auto looked = co_await look();
        if (!looked) tell_failure(looked.error());
        const bool again = looked ? is_second_look_ : core::is_transient(looked.error().code);
        co_await rest(again ? std::min(every_, kLookAgain) : every_);
    }
}

core::Task<void> Reconciler::rest(core::Millis duration) {
    while (duration > core::Millis::zero()) {
        const core::Millis part = std::min(duration, kTellAge);
        co_await context_.clock.sleep_for(part);
        duration -= part;
        tell_age();
    }
}

core::Task<Expected<std::size_t>> Reconciler::look() {
    if (!round_ended_) round_ended_ = context_.clock.tick();
    ReconcileRequest request = chain_.request;
    request.part = kPart;
    request.after = part_after_;
    auto report = co_await reconcile(context_.database, std::move(request), chain_.balance_at);
    const std::string outcome = !report                   ? "none"
                                : report->differences > 0 ? "differs"
                                : report->not_told > 0    ? "partly"
                                                          : "equal";
    context_.metrics.count("depositd_reconcile_looks_total",
                           {{"chain", chain_text()}, {"outcome", outcome}});
    if (!report) co_return report.error();
    auto now = co_await standing();
    if (!now) co_return now.error();

    Lines certain;
    Lines whole;
    bool is_fresh = false;
    for (const ReconcileLine& line : report->lines) {
        tell(line);
        if (line.not_told) continue;
        const Place place{line.owner, line.asset};
        if (line.missing.is_zero()) {
            suspected_.erase(place);
            whole.push_back(line);
        } else if (!is_missing(line)) {
            suspected_.erase(place);
        } else if (suspected_.insert(place).second) {
            is_fresh = true;
        } else {
            certain.push_back(line);
        }
    }
    // The same part again while a finding is fresh, but no third time.
    is_second_look_ = is_fresh && !is_second_look_;
    if (!is_second_look_) {
        part_after_ = report->last;
        if (part_after_.empty()) round_ended_ = context_.clock.tick();
    }
    tell_age();
    if (told_.size() > kToldMax) told_.clear();
    auto lapsed = co_await lapse(std::move(whole), report->at, *now);
    if (!lapsed) co_return lapsed.error();
    auto judged = co_await judge(std::move(certain), report->at, std::move(*now));
    if (!judged) co_return judged.error();
    co_return report->differences;
}

core::Task<Expected<Reconciler::Standing>> Reconciler::standing() {
    auto job = context_.database.read<Standing>(
        [chain = chain_.request.chain](db::UnitOfWork& work) -> Expected<Standing> {
            auto open = work.blocks().open_halts();
            if (!open) return open.error();
            auto acknowledged = work.blocks().acknowledged(chain);
            if (!acknowledged) return acknowledged.error();
            Standing out{{}, std::move(*acknowledged)};
            for (db::Halt& one : *open) {
                if (one.chain == chain) out.open.push_back(std::move(one.reason));
            }
            return out;
        });
    co_return co_await std::move(job);
}

//! The line as a quorum of the endpoints has it; none when they are not of one mind.
core::Task<std::optional<ReconcileLine>> Reconciler::by_quorum(ReconcileLine line,
                                                               core::BlockRef at) {
    auto agreed = co_await chain_.agreed_balance_at(line.asset, line.owner, at);
    if (!agreed) {
        tell_once("what one endpoint says of a balance is not agreed on: nothing follows from it",
                  text_of(line), agreed.error().message);
        co_return std::nullopt;
    }
    ReconcileLine out = line;
    if (auto held = hold_against(out, agreed->units); !held) co_return std::nullopt;
    if (!agreed->disagreed.empty() || out.on_chain != line.on_chain) {
        tell_once("endpoints differ about a balance", text_of(line),
                  joined(agreed->agreed) + " agree on " + agreed->units.decimal() +
                      (agreed->disagreed.empty() ? "" : ", against " + joined(agreed->disagreed)));
    }
    co_return out;
}

core::Task<Expected<Done>> Reconciler::judge(Lines missing, core::BlockRef at, Standing standing) {
    for (const ReconcileLine& line : missing) {
        const bool is_open =
            std::any_of(standing.open.begin(), standing.open.end(),
                        [&](const std::string& reason) { return is_reason_at(reason, line); });
        if (is_open || holds(standing.acknowledged, reason_of(line))) continue;
        const auto agreed = co_await by_quorum(line, at);
        if (!agreed) continue;
        if (!is_missing(*agreed)) {
            suspected_.erase({line.owner, line.asset});
            continue;
        }
        if (holds(standing.acknowledged, reason_of(*agreed))) continue;
        auto halted = co_await halt(reason_of(*agreed));
        if (!halted) co_return halted.error();
    }
    co_return Done{};
}

core::Task<Expected<Done>> Reconciler::lapse(Lines whole, core::BlockRef at, Standing standing) {
    for (const ReconcileLine& line : whole) {
        for (const std::string& reason : standing.acknowledged) {
            if (!is_reason_at(reason, line)) continue;
            const auto agreed = co_await by_quorum(line, at);
            if (!agreed || !agreed->missing.is_zero()) break;
            auto job = context_.database.write<Done>(
                [chain = chain_.request.chain, reason, now = context_.clock.now()](
                    db::UnitOfWork& work) { return work.blocks().lapse(chain, reason, now); });
            auto lapsed = co_await std::move(job);
            if (!lapsed) co_return lapsed.error();
            context_.log.info("an acknowledged difference is over",
                              {{"chain", chain_text()}, {"what", reason}});
        }
    }
    co_return Done{};
}

core::Task<Expected<Done>> Reconciler::halt(std::string reason) {
    auto job = context_.database.write<Done>(
        [chain = chain_.request.chain, reason, now = context_.clock.now()](db::UnitOfWork& work) {
            return work.blocks().halt(chain, reason, now);
        });
    auto halted = co_await std::move(job);
    if (!halted) co_return halted.error();
    context_.log.error("payouts are halted", {{"chain", chain_text()}, {"why", reason}});
    co_return Done{};
}

void Reconciler::tell_once(const std::string& message, const std::string& what,
                           const std::string& why) {
    if (!told_.insert(message + "\n" + what).second) return;
    if (why.empty()) {
        context_.log.warn(message, {{"chain", chain_text()}, {"what", what}});
    } else {
        context_.log.warn(message, {{"chain", chain_text()}, {"what", what}, {"why", why}});
    }
}

void Reconciler::tell(const ReconcileLine& line) {
    if (line.not_told) {
        tell_once("a balance could not be asked: it is not compared with the books",
                  line.owner.hex0x() + " " + line.asset.text(), line.not_told->message);
        return;
    }
    if (line.equal) return;
    const bool less = !line.missing.is_zero();
    const std::size_t before = told_.size();
    tell_once(less ? "less on the chain than on the books" : "more on the chain than on the books",
              text_of(line));
    if (told_.size() == before) return;
    context_.metrics.count("depositd_reconcile_differences_total",
                           {{"chain", chain_text()}, {"kind", less ? "missing" : "surplus"}});
}

void Reconciler::tell_failure(const core::Error& error) {
    if (!core::is_transient(error.code) || error.code == core::Errc::kStorage) {
        tell_once("books cannot be compared", std::string{core::to_string(error.code)},
                  error.message);
        return;
    }
    context_.log.debug("books were not compared", {{"chain", chain_text()}, {"why", error.message}});
}

void Reconciler::tell_age() {
    const core::Millis age = context_.clock.tick() - *round_ended_;
    context_.metrics.gauge("depositd_reconcile_round_age_seconds", {{"chain", chain_text()}},
                           static_cast<double>(age.count()) / 1000.0);
}

}  // namespace settlement
