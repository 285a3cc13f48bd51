#include "daemon/impl/call_guard.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "chains/evm/abi.hpp"
#include "chains/evm/call_rules.hpp"
#include "tests/support/fake_sender.hpp"
#include "tests/support/manual_clock.hpp"
#include "tests/support/null_sinks.hpp"
#include "tests/support/sessions.hpp"
#include "tests/support/show_expected.hpp"

using chains::CallKind;
using core::Done;
using core::Expected;
using namespace support;

namespace {

const core::EnvironmentId kEnvironment{"11111111-1111-4111-8111-111111111111"};
const core::Bytes kData{0xca, 0x11, 0xda, 0x7a};

core::Bytes data_of(std::string_view function) {
    const auto selector = chains::evm::selector(function);
    return {selector.begin(), selector.end()};
}

chains::ChainInfo token_chain() {
    chains::ChainInfo info;
    info.id = kToken.chain();
    chains::TokenInfo token;
    token.asset = kToken;
    token.symbol = "USD";
    token.decimals = 6;
    token.contract = *core::Address::from_hex(kToken.asset_reference());
    info.tokens = {token};
    return info;
}

//! A session that calls address(1) with kData, and its delivery of 100 from address(9).
class Bench {
  public:
    explicit Bench(bool calls_allowed = true, db::Leg leg = db::Leg::kDelivery,
                   core::Bytes calldata = kData) {
        database = std::move(db::open_database({":memory:", 1, false, true}, clock, log, metrics).value());
        guard.emplace(std::make_unique<FakeSigner>(), *database,
                      std::vector<chains::ChainInfo>{token_chain()}, calls_allowed);
        const core::Instant now = clock.now();
        payout = run(database->write<core::PayoutId>([=](db::UnitOfWork& work) -> Expected<core::PayoutId> {
            auto done = work.environments().insert({kEnvironment, "test", {}, now});
            if (!done) return done.error();
            db::SessionRow row;
            row.session = open_session();
            row.session.id = core::SessionId{std::string(32, 'f')};
            row.session.destination.asset = kToken;
            row.session.destination.calldata = calldata;
            row.environment = kEnvironment;
            row.client_secret = std::string(32, 'c');
            row.display_json = "{}";
            row.metadata_json = "null";
            row.created_at = row.updated_at = now;
            if (done = work.sessions().insert(row, "", ""); !done) return done.error();
            db::Payout one;
            one.session = row.session.id;
            one.environment = kEnvironment;
            one.leg = leg;
            one.asset = kToken;
            one.sender = address(9);
            one.recipient = address(1);
            one.units = units(100);
            one.claims_key = "1:test";
            one.created_at = one.updated_at = now;
            return work.payouts().plan(one);
        })).value();
    }
    ~Bench() { database->close(); }

    template <class T>
    T run(core::Task<T> task) {
        std::optional<T> out;
        core::asio::co_spawn(ioc_, std::move(task), [&](std::exception_ptr failure, T value) {
            if (failure) std::rethrow_exception(failure);
            out = std::move(value);
        });
        ioc_.restart();
        ioc_.run();
        return std::move(*out);
    }
    chains::SigningRequest request(CallKind kind, std::uint64_t amount = 100) const {
        chains::SigningRequest out;
        out.tx.chain = kToken.chain();
        out.tx.order.kind = kind;
        out.tx.order.asset = kToken;
        out.tx.order.sender = address(9);
        out.tx.order.recipient = address(1);
        out.tx.order.units = units(amount);
        if (kind == CallKind::kCall) out.tx.order.data = kData;
        out.key = {chains::KeyRole::kReceiver, 3};
        out.payout = payout;
        out.leg = "delivery";
        return out;
    }
    bool is_signed(chains::SigningRequest one) { return run(guard->sign(std::move(one))).has_value(); }

  private:
    core::asio::io_context ioc_;

  public:
    ManualClock clock{ioc_.get_executor(), core::Instant::from_unix_seconds(600)};
    RecordingLog log;
    NullMetrics metrics;
    std::unique_ptr<db::Database> database;
    std::optional<depositd::CallGuard> guard;
    core::PayoutId payout;
};

}  // namespace

TEST_CASE("call guard: the session's own call and allowance -> signed") {
    Bench bench;
    CHECK(bench.is_signed(bench.request(CallKind::kCall)));
    CHECK(bench.is_signed(bench.request(CallKind::kApprove)));
    CHECK(bench.is_signed(bench.request(CallKind::kApprove, 0)));
}

TEST_CASE("call guard: anything that the session does not name -> refused, for calls and allowances") {
    Bench bench;
    using Change = std::function<void(chains::SigningRequest&)>;
    const std::vector<Change> changes{
        [](auto& one) { one.key.role = chains::KeyRole::kTreasury; },
        [](auto& one) { one.key.role = chains::KeyRole::kGasStation; },
        [](auto& one) { one.leg = "refund"; },
        [](auto& one) { one.payout = core::PayoutId{77}; },
        [](auto& one) { one.tx.order.recipient = address(2); },
        [](auto& one) { one.tx.order.sender = address(8); },
        [](auto& one) { one.tx.order.asset = kOtherToken; },
        [](auto& one) { one.tx.order.units = units(101); },
        [](auto& one) { one.tx.order.recipient = *core::Address::from_hex(kToken.asset_reference()); },
    };
    for (const CallKind kind : {CallKind::kCall, CallKind::kApprove}) {
        for (const Change& change : changes) {
            auto one = bench.request(kind);
            change(one);
            CHECK_FALSE(bench.is_signed(one));
        }
    }
    auto other_data = bench.request(CallKind::kCall);
    other_data.tx.order.data.push_back(1);
    CHECK_FALSE(bench.is_signed(other_data));
}

TEST_CASE("call guard: data with what is no call -> refused, whoever signs") {
    Bench bench;
    for (const CallKind kind : {CallKind::kNativeTransfer, CallKind::kTokenTransfer, CallKind::kApprove,
                                CallKind::kNoop}) {
        auto one = bench.request(kind, 0);
        CHECK(bench.is_signed(one));
        one.tx.order.data = kData;
        CHECK_FALSE(bench.is_signed(one));
        one.key.role = chains::KeyRole::kTreasury;
        CHECK_FALSE(bench.is_signed(one));
        CHECK_FALSE(bench.guard->allows(one.tx.order));
    }
}

TEST_CASE("call guard: a payout of another leg, a session without calldata -> refused") {
    Bench refund{true, db::Leg::kStray};
    CHECK_FALSE(refund.is_signed(refund.request(CallKind::kCall)));
    CHECK_FALSE(refund.is_signed(refund.request(CallKind::kApprove)));
    Bench plain{true, db::Leg::kDelivery, {}};
    CHECK_FALSE(plain.is_signed(plain.request(CallKind::kCall)));
    CHECK_FALSE(plain.is_signed(plain.request(CallKind::kApprove)));
}

TEST_CASE("call guard: calls are off -> none is signed or allowed; an allowance is still taken back") {
    Bench bench{false};
    CHECK_FALSE(bench.is_signed(bench.request(CallKind::kCall)));
    CHECK_FALSE(bench.is_signed(bench.request(CallKind::kApprove)));
    CHECK_FALSE(bench.guard->allows(bench.request(CallKind::kCall).tx.order));
    CHECK(bench.is_signed(bench.request(CallKind::kApprove, 0)));
    CHECK(bench.is_signed(bench.request(CallKind::kTokenTransfer)));
}

TEST_CASE("call guard: functions that move or approve the caller's tokens, too much data -> not allowed") {
    Bench bench;
    auto order = bench.request(CallKind::kCall).tx.order;
    for (const char* function : {"transfer(address,uint256)", "approve(address,uint256)",
                                 "increaseAllowance(address,uint256)", "setApprovalForAll(address,bool)"}) {
        order.data = data_of(function);
        const auto allowed = bench.guard->allows(order);
        REQUIRE_FALSE(allowed.has_value());
        CHECK(allowed.error().message.find(function) != std::string::npos);
    }
    order.data.assign(chains::evm::kCallDataMax, 0xca);
    CHECK(bench.guard->allows(order));
    order.data.push_back(0xca);
    CHECK_FALSE(bench.guard->allows(order));
    order.data.clear();
    CHECK_FALSE(bench.guard->allows(order));
}
