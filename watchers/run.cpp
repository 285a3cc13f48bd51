#include "watchers/run.hpp"

#include "watchers/impl/begin.hpp"
#include "watchers/impl/commit.hpp"
#include "watchers/impl/contradiction.hpp"
#include "watchers/impl/deadline_blocks.hpp"
#include "watchers/impl/native.hpp"
#include "watchers/impl/quorum.hpp"
#include "watchers/walk_back.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace watchers {
namespace {

//! Walking back and rolling forward within one look; a chain that is rewritten faster waits for the
//! next.
constexpr int kRoundsMax = 8;
//! Reading a batch again because receivers were issued, when its blocks also change each time.
constexpr int kReadsMax = 4;
//! A shorter chain is believed when it stands this many block times.
constexpr std::int64_t kShorterForkBlocks = 3;
//! Nodes keep the state of about 128 blocks: older balances are not asked for.
constexpr std::uint64_t kBalanceDepthMax = 100;
constexpr std::size_t kPruneLimit = 2'000;

}  // namespace

struct ChainWatcher::Quorum {
    QuorumDesk desk;
    DeadlineBlocks deadlines;
    Missing missing_told;
    bool old_state_is_gone = false;  //!< in this look: nodes have no balances at old blocks
    std::string native_waiting;      //!< why the last reading of balances is not complete
    std::shared_ptr<NativeSums> native_sums;
    NativeTurns native_turns;
};

ChainWatcher::ChainWatcher(core::asio::any_io_executor executor, chains::ChainReader& reader,
                           db::Database& db, WatchSet& watch, core::Clock& clock, core::Log& log,
                           core::Metrics& metrics, WatcherConfig config)
    : reader_{reader},
      db_{db},
      watch_{watch},
      clock_{clock},
      log_{log},
      metrics_{metrics},
      config_{std::move(config)},
      info_{std::make_shared<const chains::ChainInfo>(reader.info())},
      chain_{info_->id},
      pacer_{std::move(executor), clock, config_.poll_interval, config_.backoff_max},
      scanner_{reader, watch, db, config_.range_batch},
      second_{reader, db, watch, clock, log, metrics, config_.range_batch},
      quorum_{std::make_unique<Quorum>(
          Quorum{QuorumDesk{reader, db, watch, clock, config_.corroborate_retry},
                 DeadlineBlocks{reader, db, clock, config_.corroborate_retry},
                 {},
                 false,
                 {},
                 std::make_shared<NativeSums>(),
                 {}})} {
    status_.chain = chain_;
}

ChainWatcher::~ChainWatcher() = default;

core::Task<void> ChainWatcher::run() {
    while (true) {
        auto looked = co_await step();
        if (looked) {
            pacer_.succeeded();
        } else {
            pacer_.failed();
        }
        co_await pacer_.rest();
    }
}

core::Task<core::Expected<core::Done>> ChainWatcher::step() {
    auto looked = co_await look();
    note(looked);
    co_return looked;
}

void ChainWatcher::note(const core::Expected<core::Done>& looked) {
    if (tip_ && status_.head) {
        status_.lag_blocks = *status_.head > tip_->height ? *status_.head - tip_->height : 0;
    }
    if (looked) {
        if (!status_.last_error.empty()) log_.info("watching goes on", {{"chain", chain_.text()}});
        status_.last_ok = clock_.now();
        status_.last_error.clear();
        return;
    }
    // What was written is not known after a failed commit: the rows say where we are.
    tip_.reset();
    const core::Error& error = looked.error();
    std::string text = std::string{core::to_string(error.code)} + ": " + error.message;
    if (text == status_.last_error) return;
    log_.warn("cannot follow the chain now", {{"chain", chain_.text()}, {"why", text}});
    status_.last_error = std::move(text);
}

core::Task<core::Expected<core::Done>> ChainWatcher::look() {
    const core::Tick begun = clock_.tick();
    auto heads = co_await poll_heads(reader_);
    if (!heads) co_return heads.error();
    pacer_.saw(heads->latest.height, begun);
    if (status_.head != heads->latest.height) {
        status_.head = heads->latest.height;
        metrics_.gauge("depositd_chain_head_height", labels(),
                       static_cast<double>(heads->latest.height));
    }
    status_.waiting = heads->final_waits_for;
    quorum_->old_state_is_gone = false;
    if (!tip_) {
        if (auto opened = co_await open(*heads); !opened) co_return opened.error();
    }
    for (int round = 0;; ++round) {
        if (round == kRoundsMax) {
            co_return core::Error{core::Errc::kReorged, "the node's chain keeps changing"};
        }
        if (disputed_) {
            disputed_ = false;
            if (auto back = co_await go_back(heads->latest); !back) co_return back.error();
        }
        auto where = co_await position(*heads);
        if (!where) co_return where.error();
        if (*where == Position::kForked) {
            disputed_ = true;
            continue;
        }
        if (*where == Position::kAhead) {
            auto linked = co_await catch_up(*heads);
            if (!linked) co_return linked.error();
            if (!*linked) {
                disputed_ = true;
                continue;
            }
        }
        break;
    }
    if (auto credited = co_await credit_due(*heads); !credited) co_return credited.error();
    if (auto agreed = co_await quorum_->deadlines.agree(); !agreed) co_return agreed.error();
    if (status_.waiting.empty()) status_.waiting = quorum_->native_waiting;
    if (status_.waiting.empty()) status_.waiting = quorum_->deadlines.waiting();
    if (blocks_since_prune_ >= config_.prune_every) co_return co_await forget_old();
    co_return core::Done{};
}

core::Task<core::Expected<core::Done>> ChainWatcher::open(chains::Heads heads) {
    auto fresh = co_await watch_.refresh(db_);
    if (!fresh) co_return fresh.error();
    auto job = [chain = chain_](db::UnitOfWork& work) { return load_position(work, chain); };
    auto stored = co_await db_.read<StoredPosition>(std::move(job));
    if (!stored) co_return stored.error();
    final_ = stored->final;
    if (stored->tip) {
        set_tip(*stored->tip);
        co_return core::Done{};
    }
    co_return co_await begin(heads);
}

core::Task<core::Expected<core::Done>> ChainWatcher::begin(chains::Heads heads) {
    auto opening =
        co_await read_opening(reader_, log_, watch_.operators(), config_.start_height, heads);
    if (!opening) co_return opening.error();
    const core::BlockRef origin = opening->origin;
    auto job = [chain = chain_, opening = std::move(*opening), now = clock_.now()](
                   db::UnitOfWork& work) { return start_chain(work, chain, opening, now); };
    auto started = co_await db_.write<core::Done>(std::move(job));
    if (!started) co_return started.error();
    log_.info("watching starts", {{"chain", chain_.text()}, {"origin", origin.height}});
    set_tip(origin);
    co_return core::Done{};
}

core::Task<core::Expected<ChainWatcher::Position>> ChainWatcher::position(chains::Heads heads) {
    const core::BlockRef& head = heads.latest;
    if (head.height >= tip_->height) {
        forked_since_.reset();
        if (head.height > tip_->height) co_return Position::kAhead;
        co_return head.hash == tip_->hash ? Position::kSame : Position::kForked;
    }
    const std::string behind = std::to_string(tip_->height - head.height) + " blocks behind ours";
    auto job = [chain = chain_, height = head.height](db::UnitOfWork& work) {
        return work.blocks().at(chain, height);
    };
    auto ours = co_await db_.read<std::optional<core::BlockRef>>(std::move(job));
    if (!ours) co_return ours.error();
    if (!*ours || (**ours).hash == head.hash) {
        forked_since_.reset();
        status_.waiting = "the node's head is " + behind;
        co_return Position::kBehind;
    }
    // A node that lags on an abandoned fork must not make us oscillate; a chain that stays shorter
    // is followed in the end.
    const core::Tick now = clock_.tick();
    if (!forked_since_) forked_since_ = now;
    const auto patience =
        core::Millis{kShorterForkBlocks * static_cast<std::int64_t>(info_->block_ms)};
    if (now - *forked_since_ >= patience) {
        forked_since_.reset();
        co_return Position::kForked;
    }
    status_.waiting = "the node's head is another chain, " + behind;
    co_return Position::kBehind;
}

core::Task<core::Expected<core::Done>> ChainWatcher::go_back(core::BlockRef head) {
    auto back = co_await walk_back(reader_, db_, *tip_, head, clock_.now());
    if (!back) {
        if (back.error().code == core::Errc::kHalted) {
            metrics_.count("depositd_finality_violations_total", labels());
            if (status_.last_error.empty()) {
                log_.error("chain halted",
                           {{"chain", chain_.text()}, {"why", back.error().message}});
            }
        }
        co_return back.error();
    }
    if (back->depth == 0) co_return core::Done{};
    set_tip(back->tip);
    quorum_->missing_told.clear();
    quorum_->native_turns.back_to(back->tip);
    metrics_.count("depositd_reorgs_total", labels());
    metrics_.observe("depositd_reorg_depth", labels(), static_cast<double>(back->depth));
    log_.warn("the chain was rewritten", {{"chain", chain_.text()},
                                          {"depth", back->depth},
                                          {"ancestor", back->tip.height},
                                          {"deposits", back->deposits},
                                          {"own_txs", back->own_txs}});
    if (!back->violation.empty()) {
        metrics_.count("depositd_finality_violations_total", labels());
        log_.error("chain halted", {{"chain", chain_.text()}, {"why", back->violation}});
    }
    co_return core::Done{};
}

core::Task<core::Expected<Batch>> ChainWatcher::fetch(std::uint64_t from, chains::Heads heads) {
    const core::Tick begun = clock_.tick();
    auto batch = co_await scanner_.fetch(from, heads);
    if (batch) {
        metrics_.observe("depositd_scan_seconds", labels(),
                         static_cast<double>((clock_.tick() - begun).count()) / 1000.0);
    }
    co_return batch;
}

core::Task<core::Expected<bool>> ChainWatcher::catch_up(chains::Heads heads) {
    using namespace core::asio::experimental::awaitable_operators;
    auto pending = co_await fetch(tip_->height + 1, heads);
    while (true) {
        if (!pending) co_return pending.error();
        const std::size_t blocks = pending->scans.size();
        const std::uint64_t next = pending->last().height + 1;
        core::Expected<CommitOutcome> outcome;
        core::Expected<Batch> ahead;
        const bool more = next <= heads.latest.height;
        if (more) {
            std::tie(outcome, ahead) =
                co_await (commit(std::move(*pending), heads) && fetch(next, heads));
        } else {
            outcome = co_await commit(std::move(*pending), heads);
        }
        if (!outcome) co_return outcome.error();
        if (outcome->result == CommitResult::kUnlinked) co_return false;
        committed(*outcome, blocks);
        credited_for_ = heads.finalized;
        if (!more) co_return true;
        pending = std::move(ahead);
    }
}

core::Task<core::Expected<CommitOutcome>> ChainWatcher::commit(Batch batch, chains::Heads heads) {
    bool accept_newer = false;
    NotThere not_there;
    for (int read = 1;; ++read) {
        leave_out(batch, not_there);
        const core::BlockRef first = batch.first();
        const core::BlockRef last = batch.last();
        const bool range = batch.range;
        const bool below_final = batch.below_final;
        auto outcome = co_await commit_once(std::move(batch), heads, accept_newer);
        if (!outcome || outcome->result == CommitResult::kCommitted ||
            outcome->result == CommitResult::kUnlinked) {
            co_return outcome;
        }
        auto settled = co_await settle(std::move(*outcome), not_there);
        if (!settled) co_return settled.error();
        if (read == kReadsMax) {
            co_return core::Error{core::Errc::kReorged, "the block changes with every reading"};
        }
        auto again = co_await scanner_.again(first.height, last.height, range, below_final);
        if (!again) co_return again.error();
        batch = std::move(*again);
        // The same blocks stood before anybody issued after the second reading could be paid in
        // them.
        accept_newer = batch.first().hash == first.hash && batch.last().hash == last.hash;
    }
}

core::Task<core::Expected<core::Done>> ChainWatcher::settle(CommitOutcome outcome,
                                                            NotThere& not_there) {
    for (const Contradiction& one : outcome.contradictions) {
        const core::TxId tx = one.own ? one.own->told.tx : one.payment->told.tx;
        auto row_was_false =
            co_await settle_contradiction(reader_, db_, one, clock_.now(), not_there);
        if (!row_was_false) co_return row_was_false.error();
        log_.error("one endpoint had told a transaction in a block that does not hold it",
                   {{"chain", chain_.text()},
                    {"tx", tx.hex0x()},
                    {"read_in", one.block.height},
                    {"row_taken_back", *row_was_false}});
        if (*row_was_false) metrics_.count("depositd_rows_corrected_total", labels());
    }
    co_return core::Done{};
}

core::Task<core::Expected<CommitOutcome>> ChainWatcher::commit_once(std::optional<Batch> batch,
                                                                    chains::Heads heads,
                                                                    bool accept_newer_receivers) {
    auto input = std::make_shared<CommitInput>();
    input->info = info_;
    input->node_final = heads.finalized;
    input->told = quorum_->missing_told;
    input->corroborated = quorum_->desk.agreed();
    input->accept_newer_receivers = accept_newer_receivers;
    if (batch && info_->scan_native) {
        auto balances = co_await look_for_native(*batch, heads);
        if (!balances) co_return balances.error();
        input->balances = std::move(*balances);
    }
    input->batch = std::move(batch);
    input->now = clock_.now();
    auto job = [input = std::shared_ptr<const CommitInput>{input}](db::UnitOfWork& work) {
        return commit_batch(work, *input);
    };
    auto outcome = co_await db_.write<CommitOutcome>(std::move(job));
    if (outcome && outcome->result == CommitResult::kCommitted && input->balances) {
        quorum_->native_turns.committed(input->balances->looked);
    }
    co_return outcome;
}

core::Task<core::Expected<std::optional<Balances>>> ChainWatcher::look_for_native(
    const Batch& batch, chains::Heads heads) {
    const bool is_old = batch.last().height + kBalanceDepthMax < heads.latest.height;
    if (is_old && quorum_->old_state_is_gone) co_return std::optional<Balances>{};
    NativeLook look{reader_, db_, clock_, batch, quorum_->native_sums, quorum_->native_turns};
    auto balances = co_await look.read();
    if (!balances && is_old) {
        // Nodes forget old state. The next reading finds what came until then, and gives the payer
        // the benefit of the doubt about when.
        quorum_->old_state_is_gone = true;
        co_return std::optional<Balances>{};
    }
    if (!balances) co_return balances.error();
    if (!balances->complete) {
        metrics_.count("depositd_corroborations_failed_total",
                       {{"chain", chain_.text()}, {"reason", "balance"}});
        if (look.waiting() != quorum_->native_waiting) {
            log_.warn("endpoints do not agree",
                      {{"chain", chain_.text()}, {"why", look.waiting()}});
        }
    }
    quorum_->native_waiting = look.waiting();
    co_return std::optional<Balances>{std::move(*balances)};
}

void ChainWatcher::committed(const CommitOutcome& outcome, std::size_t blocks) {
    set_tip(outcome.tip);
    if (outcome.final && (!final_ || final_->height != outcome.final->height)) {
        final_ = outcome.final;
        metrics_.gauge("depositd_chain_final_height", labels(),
                       static_cast<double>(outcome.final->height));
    }
    if (final_) status_.final_height = final_->height;
    if (outcome.final_not_ours) disputed_ = true;
    const Tally& tally = outcome.tally;
    if (blocks > 0)
        metrics_.count("depositd_blocks_scanned_total", labels(), static_cast<double>(blocks));
    for (const auto& [symbol, count] : tally.changed_by_symbol) {
        metrics_.count("depositd_deposits_detected_total",
                       {{"chain", chain_.text()}, {"asset", symbol}}, static_cast<double>(count));
    }
    if (tally.zero_ignored > 0) {
        metrics_.count("depositd_zero_transfers_ignored_total", labels(),
                       static_cast<double>(tally.zero_ignored));
    }
    metrics_.gauge("depositd_watched_addresses", labels(), static_cast<double>(watch_.size()));
    if (tally.changed + tally.own_changed + outcome.credited.deposits + outcome.credited.own_txs >
        0) {
        log_.info("facts", {{"chain", chain_.text()},
                            {"height", outcome.tip.height},
                            {"detected", tally.changed},
                            {"confirmed", outcome.credited.deposits},
                            {"own_mined", tally.own_changed},
                            {"own_final", outcome.credited.own_txs}});
    }
    for (const auto& [address, shortfall] : outcome.missing) {
        const bool is_told = !is_news(quorum_->missing_told, address, shortfall);
        quorum_->missing_told.insert_or_assign(address, shortfall);
        if (is_told) continue;
        metrics_.count("depositd_balance_missing_total", labels());
        log_.warn("an address holds less native coin than is explained",
                  {{"chain", chain_.text()},
                   {"address", address.hex0x()},
                   {"units", shortfall.units.decimal()}});
    }
    blocks_since_prune_ += blocks;
    quorum_->desk.want(outcome.credited);
}

core::Task<core::Expected<core::Done>> ChainWatcher::credit_due(chains::Heads heads) {
    bool again = credited_for_ != heads.finalized;
    while (true) {
        if (again) {
            auto outcome = co_await commit_once(std::nullopt, heads, false);
            if (!outcome) co_return outcome.error();
            committed(*outcome, 0);
            credited_for_ = heads.finalized;
        }
        if (!quorum_->desk.wants_any()) co_return core::Done{};
        auto progress = co_await seek_quorum();
        if (!progress) co_return progress.error();
        if (!*progress) co_return core::Done{};
        again = true;
    }
}

core::Task<core::Expected<bool>> ChainWatcher::seek_quorum() {
    auto refused = co_await quorum_->desk.ask();
    if (!refused) co_return refused.error();
    bool corrected = false;
    for (const QuorumDesk::Refusal& refusal : *refused) {
        if (refusal.corrected) {
            corrected = true;
            log_.error("one endpoint had told a block falsely; its row is corrected",
                       {{"chain", chain_.text()}, {"what", refusal.text}});
            metrics_.count("depositd_rows_corrected_total", labels());
            continue;
        }
        if (refusal.error.code == core::Errc::kReorged) disputed_ = true;
        metrics_.count("depositd_corroborations_failed_total",
                       {{"chain", chain_.text()},
                        {"reason", std::string{core::to_string(refusal.error.code)}}});
        if (refusal.repeated) continue;
        log_.warn("endpoints do not agree", {{"chain", chain_.text()}, {"why", refusal.text}});
    }
    status_.waiting = quorum_->desk.waiting();
    co_return corrected || !quorum_->desk.agreed()->empty();
}

core::Task<core::Expected<core::Done>> ChainWatcher::forget_old() {
    blocks_since_prune_ = 0;
    std::uint64_t keep = config_.keep_blocks;
    for (const chains::CreditTier& tier : info_->credit) keep = std::max(keep, 2 * tier.depth);
    if (tip_->height <= keep) co_return core::Done{};
    std::uint64_t below = tip_->height - keep;
    if (final_) below = std::min(below, final_->height);
    auto job = [chain = chain_, below](db::UnitOfWork& work) -> core::Expected<core::Done> {
        if (auto done = work.blocks().prune(chain, below, kPruneLimit); !done) return done.error();
        return work.blocks().compact_coverage(chain, below, kPruneLimit);
    };
    co_return co_await db_.write<core::Done>(std::move(job));
}

void ChainWatcher::set_tip(const core::BlockRef& tip) {
    tip_ = tip;
    status_.tip = tip.height;
    metrics_.gauge("depositd_chain_cursor_height", labels(), static_cast<double>(tip.height));
}

}  // namespace watchers
