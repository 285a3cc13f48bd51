#include "tests/simulation/faults.hpp"

#include <algorithm>
#include <iterator>

#include <nlohmann/json.hpp>

#include "core/crash_point.hpp"
#include "tests/simulation/crash_points.hpp"

namespace simulation {
namespace {

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kMinute = 60 * kSecond;

void be_honest(Node& node) {
    node.tell_the_truth();
    node.set_lag(0);
    node.unpin();
}

constexpr std::uint64_t kGwei = 1'000'000'000;
constexpr std::uint64_t kUsualBaseFee = 10 * kGwei;
//! After a rise the price stays somewhere up to so many times that. In the end blocks are full for a
//! while, and then it is above all of them, so that a bid which is never raised is never mined.
constexpr std::uint64_t kHighestUsual = 6;
constexpr core::Millis kFullAtLast{30 * kMinute};
constexpr std::uint64_t kLastBaseFee = 3 * kHighestUsual * kUsualBaseFee;
//! Of a thousand.
constexpr unsigned kWorldsOfBrokenFinality = 250;
constexpr std::uint64_t kBelowFinalMin = 40;
constexpr std::uint64_t kBelowFinalMax = 160;
constexpr std::uint64_t kBehindAtMost = 5;

//! What the operator's page says of how far it has read.
std::uint64_t height_of(const std::string& status, const core::ChainId& chain) {
    const auto page = nlohmann::json::parse(status);
    for (const auto& one : page.at("chains")) {
        if (one.at("chain") == chain.text()) return one.at("height").get<std::uint64_t>();
    }
    return 0;
}

}  // namespace

const std::vector<Faults::Kind>& Faults::kinds() {
    static const std::vector<Kind> all{
        {"a node lies", 16, &Faults::node_lies},
        {"a node is behind", 8, &Faults::node_is_behind},
        {"a node is gone", 6, &Faults::node_is_gone},
        {"all nodes are gone", 1, &Faults::all_are_gone},
        {"a way is slow", 8, &Faults::way_is_slow},
        {"a way loses", 8, &Faults::way_loses},
        {"killed", 4, &Faults::dies_now},
        {"killed at a write", 6, &Faults::dies_at_disk},
        {"killed at a send", 3, &Faults::dies_at_send},
        {"killed at a crash point", 8, &Faults::dies_at_crash_point},
        {"stopped in order", 1, &Faults::stops_in_order},
        {"power lost", 3, &Faults::loses_power},
        {"the disk fails", 3, &Faults::disk_fails},
        {"the chain is rewritten", 10, &Faults::chain_is_rewritten},
        {"blocks are late", 1, &Faults::blocks_are_late},
        {"finality stalls", 1, &Faults::finality_stalls},
        {"fees rise", 2, &Faults::fees_rise},
        {"blocks are full", 1, &Faults::blocks_are_full},
        {"the pool forgets", 5, &Faults::pool_forgets},
        {"a token refuses", 3, &Faults::token_refuses},
        {"the clock jumps", 2, &Faults::clock_jumps},
        {"blocks are replayed", 2, &Faults::replays},
    };
    return all;
}

Faults::Faults(World& world, Customers& customers, Auditor& auditor, std::size_t liars)
    : world_{world},
      customers_{customers},
      auditor_{auditor},
      liars_{liars},
      rng_{world.seed().fork("faults")} {}

void Faults::open() {
    is_open_ = true;
    later(core::Millis{5 * kMinute}, [this] { next(); });
    if (rng_.chance(kWorldsOfBrokenFinality)) {
        later(rng_.millis(2 * 60 * kMinute, 20 * 60 * kMinute), [this] { finality_breaks(); });
    }
}

void Faults::heal() {
    is_open_ = false;
    ++epoch_;
    core::arm_crash({}, 0);
    world_.disk().heal();
    world_.set_clock_offset(core::Millis{0});
    for (Place& place : world_.places()) {
        place.is_mining = true;
        place.chain->stall_finality(false);
        place.chain->set_full(true);
        later(kFullAtLast, [&place] {
            place.chain->set_base_fee(kLastBaseFee);
            place.chain->set_full(false);
        });
        for (Asset token = 1; token <= place.chain->contracts().tokens.size(); ++token) {
            place.chain->behaviour(token) = {};
        }
        for (std::size_t i = 0; i < kNodesPerChain; ++i) {
            be_honest(*place.nodes[i]);
            world_.nodes().link(place.names[i]) = {};
        }
    }
}

void Faults::later(core::Millis wait, std::function<void()> deed) {
    world_.agenda().after(wait, [this, epoch = epoch_, deed = std::move(deed)] {
        if (epoch == epoch_) deed();
    });
}

//! Mostly short, at times long.
core::Millis Faults::a_while() {
    return rng_.chance(100) ? rng_.millis(5 * kMinute, 40 * kMinute)
                            : rng_.millis(5 * kSecond, 3 * kMinute);
}

std::size_t Faults::some_place() { return rng_.below(world_.places().size()); }

void Faults::next() {
    if (!is_open_) return;
    later(rng_.millis(2 * kSecond, 150 * kSecond), [this] { next(); });
    unsigned sum = 0;
    for (const Kind& kind : kinds()) sum += kind.weight;
    auto at = rng_.below(sum);
    for (const Kind& kind : kinds()) {
        if (at < kind.weight) {
            ++tally_[kind.name];
            world_.trace().tell("fault", kind.name);
            (this->*kind.strike)();
            return;
        }
        at -= kind.weight;
    }
}

// ---- nodes --------------------------------------------------------------------------------------

void Faults::node_lies() {
    const std::size_t which = some_place();
    Place& place = world_.places()[which];
    auto& until = suspect_until_[which];
    const auto now = static_cast<std::uint64_t>(world_.now().unix_ms);
    if (until > now) return;
    const auto lie = static_cast<Lie>(rng_.below(kLieCount));
    std::vector<core::Address> targets;
    for (const Order& order : customers_.orders()) {
        if (order.chain == which && !order.is_final() && !order.receiver.empty()) {
            targets.push_back(order.receiver);
        }
    }
    world_.trace().tell("fault", "it says: " + std::string{name_of(lie)});
    const core::Millis length = a_while();
    until = now + static_cast<std::uint64_t>(length.count());
    const std::size_t first = rng_.below(kNodesPerChain);
    for (std::size_t i = 0; i < liars_; ++i) {
        Node& node = *place.nodes[(first + i) % kNodesPerChain];
        node.set_targets(targets);
        node.set_lie(lie);
        later(length, [&node] { be_honest(node); });
    }
}

void Faults::node_is_behind() {
    const std::size_t which = some_place();
    Place& place = world_.places()[which];
    auto& until = suspect_until_[which];
    const auto now = static_cast<std::uint64_t>(world_.now().unix_ms);
    if (until > now) return;
    Node& node = *place.nodes[rng_.below(kNodesPerChain)];
    node.set_lag(rng_.between(1, 40));
    const core::Millis length = a_while();
    until = now + static_cast<std::uint64_t>(length.count());
    later(length, [&node] { be_honest(node); });
}

void Faults::node_is_gone() {
    Place& place = world_.places()[some_place()];
    const std::string name = place.names[rng_.below(kNodesPerChain)];
    const bool is_silent = rng_.chance(500);
    world_.nodes().link(name).is_cut = is_silent;
    world_.nodes().link(name).is_refused = !is_silent;
    later(a_while(), [this, name] { world_.nodes().link(name) = {}; });
}

void Faults::all_are_gone() {
    for (const std::string& name : world_.places()[some_place()].names) {
        world_.nodes().link(name).is_cut = true;
        later(a_while(), [this, name] { world_.nodes().link(name) = {}; });
    }
}

void Faults::way_is_slow() {
    Place& place = world_.places()[some_place()];
    const std::string name = place.names[rng_.below(kNodesPerChain)];
    world_.nodes().link(name).latency = rng_.millis(200, 6 * kSecond);
    world_.nodes().link(name).jitter = rng_.millis(1, 8 * kSecond);
    later(a_while(), [this, name] { world_.nodes().link(name) = {}; });
}

void Faults::way_loses() {
    Place& place = world_.places()[some_place()];
    const std::string name = place.names[rng_.below(kNodesPerChain)];
    world_.nodes().link(name).lost_requests = static_cast<unsigned>(rng_.below(400));
    world_.nodes().link(name).lost_replies = static_cast<unsigned>(rng_.below(1000));
    later(a_while(), [this, name] { world_.nodes().link(name) = {}; });
}

// ---- the process and its disk -------------------------------------------------------------------

void Faults::dies_now() {
    world_.kill_process("kill -9");
    if (rng_.chance(200)) world_.keep_down_until(world_.now() + a_while());
}

void Faults::dies_at_disk() {
    Process* process = world_.process();
    if (process == nullptr) return;
    const Moment moment = rng_.chance(500) ? Moment::kWrite : Moment::kSync;
    process->life().sentence(moment, rng_.between(1, 60));
}

void Faults::dies_at_send() {
    Process* process = world_.process();
    if (process == nullptr) return;
    const Moment moment = rng_.chance(500) ? Moment::kSendBefore : Moment::kSendAfter;
    process->life().sentence(moment, rng_.between(1, 4));
}

void Faults::dies_at_crash_point() {
    const char* name = kCrashPoints[rng_.below(std::size(kCrashPoints))];
    world_.trace().tell("fault", std::string{"to die at "} + name);
    core::arm_crash(name, rng_.between(1, 3));
}

void Faults::stops_in_order() {
    if (world_.process() != nullptr) world_.process()->stop();
}

void Faults::loses_power() {
    world_.kill_process("power lost");
    world_.disk().lose_power(rng_);
    world_.keep_down_until(world_.now() + rng_.millis(5 * kSecond, 2 * kMinute));
}

void Faults::disk_fails() {
    using support::DiskFailure;
    constexpr DiskFailure kHow[] = {DiskFailure::kFull, DiskFailure::kWriteError, DiskFailure::kTorn,
                                    DiskFailure::kSyncError};
    const DiskFailure how = kHow[rng_.below(std::size(kHow))];
    world_.disk().fail_from(rng_.between(1, 80), how);
    later(a_while(), [this] { world_.disk().heal(); });
}

// ---- the chain ----------------------------------------------------------------------------------

void Faults::chain_is_rewritten() {
    Place& place = world_.places()[some_place()];
    Chain& chain = *place.chain;
    const std::uint64_t deepest = chain.height() - chain.finalized_height();
    if (deepest < 2) return;
    constexpr std::uint64_t kDepths[] = {1, 1, 1, 2, 2, 3, 7, 12, 32, 63};
    const std::uint64_t depth = std::min(kDepths[rng_.below(std::size(kDepths))], deepest - 1);
    const auto done = chain.reorg(depth, [this](const DroppedTx& tx) { return fate_of(tx); }, world_.now());
    CHECK(done.has_value(), "a reorganisation above the finalized block is possible");
    world_.trace().tell("fault", "depth " + std::to_string(depth));
}

Fate Faults::fate_of(const DroppedTx& tx) {
    const auto choice = rng_.below(10);
    if (choice < 3) return Fate::kSamePlace;
    if (choice < 6) return Fate::kElsewhere;
    if (choice < 8) return Fate::kPool;
    if (tx.synthetic) return choice == 8 ? Fate::kDoubleSpent : Fate::kElsewhere;
    return choice == 8 ? Fate::kGone : Fate::kOtherAttempt;
}

//! The daemon can tell only when it had read what was final then: strikes once it has.
void Faults::finality_breaks() {
    const std::size_t which = some_place();
    const auto again = [this] { later(core::Millis{10 * kMinute}, [this] { finality_breaks(); }); };
    if (world_.process() == nullptr) return again();
    api::Request request;
    request.method = "GET";
    request.path = "/operator/status";
    world_.process()->ask(std::move(request), true, [this, which, again](std::optional<api::Response> response) {
        Chain& chain = *world_.places()[which].chain;
        const auto id = core::ChainId::eip155(chain.options().number);
        const std::uint64_t read = response && response->status == 200 ? height_of(response->body, id) : 0;
        const std::uint64_t fork = chain.finalized_height() - rng_.between(kBelowFinalMin, kBelowFinalMax);
        if (!is_open_ || read + kBehindAtMost < chain.height()) return again();
        // In its own turn: this is called from within the process.
        later(core::Millis{1}, [this, which, fork, &chain] {
            world_.trace().tell("fault", "finality breaks: all above " + std::to_string(fork));
            ++tally_["finality breaks"];
            auditor_.finality_breaks(which, fork);
            const auto done = chain.reorg(chain.height() - fork,
                                          [this](const DroppedTx& tx) { return fate_of(tx); },
                                          world_.now(), true);
            CHECK(done.has_value(), "any depth is possible");
            auditor_.finality_broke(which);
        });
    });
}

void Faults::blocks_are_late() {
    Place& place = world_.places()[some_place()];
    place.is_mining = false;
    later(a_while(), [&place] { place.is_mining = true; });
}

void Faults::finality_stalls() {
    Chain& chain = *world_.places()[some_place()].chain;
    chain.stall_finality(true);
    later(a_while(), [&chain] { chain.stall_finality(false); });
}

void Faults::fees_rise() {
    Chain& chain = *world_.places()[some_place()].chain;
    // One draw a statement: compilers differ in the order of arguments, and a seed is one world to all.
    const bool is_at_once = rng_.chance(300);
    chain.set_base_fee(rng_.between(2, 100) * kUsualBaseFee, is_at_once);
    const std::uint64_t next = rng_.between(1, kHighestUsual) * kUsualBaseFee;
    later(a_while(), [&chain, next] { chain.set_base_fee(next); });
}

void Faults::blocks_are_full() {
    Chain& chain = *world_.places()[some_place()].chain;
    chain.set_full(true);
    later(a_while(), [&chain] { chain.set_full(false); });
}

void Faults::pool_forgets() {
    Chain& chain = *world_.places()[some_place()].chain;
    for (const core::TxId& tx : chain.waiting()) {
        const auto index = chain.find_tx(tx);
        if (index && !chain.tx(*index).synthetic && rng_.chance(700)) chain.evict(tx);
    }
}

void Faults::token_refuses() {
    const std::size_t which = some_place();
    Chain& chain = *world_.places()[which].chain;
    const Asset token = static_cast<Asset>(1 + rng_.below(kListedTokens));
    const auto touch = [this, which, token](const auto& is_hit) {
        for (Order& order : customers_.orders()) {
            if (order.chain == which && order.asset == token && is_hit(order)) order.was_refused = true;
        }
    };
    const auto open = [](const Order& order) { return !order.is_final(); };
    switch (rng_.below(4)) {
        case 0:
            chain.behaviour(token).paused = true;
            touch(open);
            break;
        case 1:
            chain.behaviour(token).returns_false = true;
            touch(open);
            break;
        case 2: chain.behaviour(token).returns_nothing = true; break;
        default:
            touch([&](const Order& order) {
                if (order.is_final() || rng_.chance(800)) return false;
                chain.behaviour(token).blocked.insert(order.destination);
                return true;
            });
    }
    later(a_while(), [&chain, token, touch, open] {
        if (chain.behaviour(token).paused || chain.behaviour(token).returns_false) touch(open);
        chain.behaviour(token) = {};
    });
}

// ---- people -------------------------------------------------------------------------------------

void Faults::clock_jumps() {
    const auto far = rng_.millis(-10 * kMinute, 10 * kMinute);
    world_.set_clock_offset(far);
    later(a_while(), [this] { world_.set_clock_offset(core::Millis{0}); });
}

void Faults::replays() {
    if (world_.process() == nullptr) return;
    const Place& place = world_.places()[some_place()];
    const std::uint64_t to = place.chain->finalized_height();
    const std::uint64_t from = to - std::min<std::uint64_t>(to, rng_.between(1, 40));
    api::Request request;
    request.method = "POST";
    request.path = "/operator/replays";
    request.headers["content-type"] = "application/json";
    request.body = "{\"chain\":\"" + core::ChainId::eip155(place.chain->options().number).text() +
                   "\",\"from\":" + std::to_string(from) + ",\"to\":" + std::to_string(to) + "}";
    world_.process()->ask(std::move(request), true, [](std::optional<api::Response>) {});
}

}  // namespace simulation
