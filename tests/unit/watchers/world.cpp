#include "tests/unit/watchers/world.hpp"

#include "tests/support/show_expected.hpp"
#include "watchers/run.hpp"

#include <catch2/catch.hpp>

namespace {

const core::EnvironmentId kEnvironment{"00000000-0000-4000-8000-000000000001"};

std::string_view short_name(db::FactKind kind) {
    switch (kind) {
        case db::FactKind::kDepositsDetected: return "detected";
        case db::FactKind::kDepositsConfirmed: return "confirmed";
        case db::FactKind::kDepositsOrphaned: return "orphaned";
        case db::FactKind::kOwnTxMined: return "own mined";
        case db::FactKind::kOwnTxFinal: return "own final";
        case db::FactKind::kOwnTxOrphaned: return "own orphaned";
        case db::FactKind::kOpeningBalance: return "opening";
        case db::FactKind::kBalanceMissing: return "missing";
    }
    return "?";
}

std::string told(const db::Fact& fact) {
    std::string text{short_name(fact.kind)};
    if (fact.receiver) text += " r" + std::to_string(fact.receiver->value);
    if (fact.own_tx) text += " t" + std::to_string(*fact.own_tx);
    for (std::size_t i = 0; i < fact.deposits.size(); ++i) {
        text += (i == 0 ? " d" : ",d") + std::to_string(fact.deposits[i].value);
    }
    if (!fact.were_confirmed.empty()) {
        text += " (" + std::to_string(fact.were_confirmed.size()) + " confirmed)";
    }
    if (!fact.units.is_zero()) text += " " + fact.units.decimal();
    return text + " @" + std::to_string(fact.height);
}

}  // namespace

World::World(chains::ChainInfo info, watchers::WatcherConfig with)
    : clock{ioc.get_executor()}, chain{std::move(info)}, config{std::move(with)} {
    auto opened = db::open_database({":memory:", 1, true, true}, clock, log, metrics);
    REQUIRE(opened);
    db = std::move(*opened);
    db::Environment environment;
    environment.id = kEnvironment;
    environment.name = "test";
    environment.created_at = clock.now();
    REQUIRE(wait(db->write<core::Done>(
        [environment](db::UnitOfWork& work) { return work.environments().insert(environment); })));
    restart();
}

World::~World() = default;

db::Receiver World::issue(bool native) {
    const std::uint64_t number = ++issued_;
    db::SessionRow row;
    std::string id = std::to_string(number);
    row.session.id = core::SessionId{std::string(32 - id.size(), '0') + id};
    row.session.state = session::State::kSourceSet;
    row.session.waiting_state = session::State::kSourceSet;
    row.session.destination.asset =
        native ? chain.info().native_asset : chain.info().tokens.at(1).asset;
    row.session.destination.address = support::fake_address(700);
    row.session.expires_at = clock.now() + core::Millis{3'600'000};
    row.environment = kEnvironment;
    row.client_secret = "secret" + id;
    row.display_json = "{}";
    row.metadata_json = "null";
    row.created_at = clock.now();
    row.updated_at = clock.now();
    auto issued = wait(db->write<db::Receiver>(
        [row, at = clock.now()](db::UnitOfWork& work) -> core::Expected<db::Receiver> {
            if (auto done = work.sessions().insert(row, "", ""); !done) return done.error();
            return work.receivers().issue(row.session.id, "eip155", at, [](std::uint32_t index) {
                return core::Expected<core::Address>{support::fake_address(100'000 + index)};
            });
        }));
    REQUIRE(issued);
    return *issued;
}

void World::restart() {
    watcher.reset();
    watch = std::make_unique<watchers::WatchSet>("eip155", operators);
    watcher = std::make_unique<watchers::ChainWatcher>(ioc.get_executor(), chain, *db, *watch,
                                                       clock, log, metrics, config);
}

core::Expected<core::Done> World::step() { return wait(watcher->step()); }

void World::follow() {
    const auto done = step();
    INFO((done ? std::string{} : done.error().message));
    REQUIRE(done);
}

std::vector<db::Fact> World::facts() {
    return read<std::vector<db::Fact>>(
        [](db::UnitOfWork& work) { return work.facts().after(core::FactSeq{0}, 100'000); });
}

std::vector<std::string> World::story(std::size_t from) {
    const auto all = facts();
    std::vector<std::string> out;
    for (std::size_t i = from; i < all.size(); ++i) out.push_back(told(all[i]));
    return out;
}

std::vector<db::Deposit> World::deposits(const db::Receiver& receiver) {
    return read<std::vector<db::Deposit>>(
        [id = receiver.session](db::UnitOfWork& work) { return work.deposits().of_session(id); });
}

std::vector<db::Deposit> World::deposits_of(const core::TxId& tx) {
    return read<std::vector<db::Deposit>>(
        [tx](db::UnitOfWork& work) { return work.deposits().of_tx(tx); });
}

core::BlockRef World::tip() {
    const auto tip = read<std::optional<core::BlockRef>>(
        [id = chain.info().id](db::UnitOfWork& work) { return work.blocks().tip(id); });
    REQUIRE(tip);
    return *tip;
}

std::vector<db::Halt> World::halts() {
    return read<std::vector<db::Halt>>(
        [](db::UnitOfWork& work) { return work.blocks().open_halts(); });
}

void World::own_attempt(const core::TxId& tx, std::optional<TopUp> top_up, db::StepKind kind) {
    const std::uint64_t number = ++attempts_;
    db::Payout payout;
    payout.environment = kEnvironment;
    payout.leg = db::Leg::kFund;
    payout.asset = chain.info().tokens.at(1).asset;
    payout.sender = operators[0];
    payout.recipient = operators[1];
    payout.units = core::Units{1};
    payout.claims_key = "test" + std::to_string(number);
    payout.created_at = clock.now();
    payout.updated_at = clock.now();
    auto filed =
        wait(db->write<core::Done>([payout, tx, number, top_up, kind, native = chain.info().native_asset, chain_id = chain.info().id](
                                       db::UnitOfWork& work) -> core::Expected<core::Done> {
            auto id = work.payouts().plan(payout);
            if (!id) return id.error();
            db::PayoutStep step;
            step.payout = *id;
            step.kind = kind;
            step.sender = payout.sender;
            step.recipient = payout.recipient;
            step.asset = payout.asset;
            step.units = payout.units;
            step.nonce = number;
            if (top_up) {
                step.kind = db::StepKind::kTopUp;
                step.status = top_up->status;
                step.recipient = top_up->to;
                step.asset = native;
                step.units = core::Units{top_up->units};
            }
            auto step_id = work.payouts().add_step(step);
            if (!step_id) return step_id.error();
            auto nonce = work.payouts().reserve_nonce(chain_id, payout.sender, number, *step_id);
            if (!nonce) return nonce.error();
            db::Attempt attempt;
            attempt.step = *step_id;
            attempt.tx = tx;
            attempt.raw = {1, 2, 3};
            attempt.signed_at = payout.created_at;
            auto attempt_id = work.payouts().add_attempt(attempt);
            if (!attempt_id) return attempt_id.error();
            return core::Done{};
        }));
    INFO((filed ? std::string{} : filed.error().message));
    REQUIRE(filed);
}
