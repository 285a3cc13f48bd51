#include "chains/evm/sender.hpp"

#include "chains/evm/logs.hpp"
#include "chains/evm/transaction.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/chains/reader_bench.hpp"

#include <catch2/catch.hpp>

using namespace evm_bench;
using chains::CallKind;
using chains::GasPrice;
using chains::SendOutcome;
using core::Errc;
using core::Units;

namespace {

//! What the nodes say in tests of the sender, where FakeChain has no answer.
struct SenderBench : Bench {
    explicit SenderBench(std::size_t nodes = 1, std::uint64_t number = 31337)
        : Bench{nodes, number} {
        for (std::size_t i = 0; i < nodes; ++i) {
            twists[i] = [this, i](const std::string& method, const json& params, json& result) {
                const auto found = said.find(method);
                if (found != said.end()) result = found->second;
                if (special) special(i, method, params, result);
            };
        }
        said["eth_blockNumber"] = "0x10";
        said["eth_getCode"] = "0x6001";
        said["eth_estimateGas"] = "0xc350";
        said["eth_call"] = word(1);
        said["eth_gasPrice"] = "0x64";
        said["eth_maxPriorityFeePerGas"] = "0x5";
        said["eth_feeHistory"] = {{"oldestBlock", "0x1"},
                                  {"baseFeePerGas", {"0x10", "0x20", "0x30"}},
                                  {"reward", {{"0x4"}, {"0x0"}}}};
    }
    chains::TxSender& sender() {
        if (!sender_) {
            sender_ = chains::evm::make_sender(info, *pool, clock, log, metrics, options);
        }
        return *sender_;
    }
    chains::TxOrder order(CallKind kind) {
        chains::TxOrder out;
        out.kind = kind;
        out.asset = kind == CallKind::kNativeTransfer ? info.native_asset
                                                      : chains::evm::erc20_asset(info.id, usdc);
        out.sender = alice;
        out.recipient = carol;
        out.units = Units{7};
        return out;
    }
    core::Expected<chains::SendReport> send() {
        chains::evm::DynamicFeeTransaction tx;
        tx.chain_id = 31337;
        chains::crypto::RecoverableSignature signature;
        signature.r[31] = 1;
        signature.s[31] = 1;
        raw = chains::evm::encode_raw(tx, signature);
        return run(sender().send(raw));
    }

    std::map<std::string, json> said;
    std::function<void(std::size_t, const std::string&, const json&, json&)> special;
    chains::evm::SenderOptions options;
    core::Bytes raw;

  private:
    std::unique_ptr<chains::TxSender> sender_;
};

std::string error_string(const std::string& text) {
    std::string hex;
    for (const char c : text) hex += core::to_hex(core::Bytes{static_cast<std::uint8_t>(c)});
    hex.resize((hex.size() + 63) / 64 * 64, '0');
    return "0x08c379a0" + word(32).substr(2) + word(text.size()).substr(2) + hex;
}

}  // namespace

TEST_CASE("sender simulate: the call succeeds -> a quarter more gas than estimated [F39]",
          "[F39]") {
    SenderBench bench;
    const auto answer = bench.run(bench.sender().simulate(bench.order(CallKind::kTokenTransfer)));
    REQUIRE(answer);
    CHECK(answer->would_succeed);
    CHECK(answer->gas_limit == 50'000 + 12'500 + 1);
    bench.said["eth_call"] = "0x";
    bench.said["eth_estimateGas"] = "0x5208";
    const auto native = bench.run(bench.sender().simulate(bench.order(CallKind::kNativeTransfer)));
    REQUIRE(native);
    CHECK(native->would_succeed);
    CHECK(native->gas_limit > 21'000);
}

TEST_CASE("sender simulate: what the token returns -> nothing or true is good [F40]", "[F40]") {
    SenderBench bench;
    const auto order = bench.order(CallKind::kTokenTransfer);
    bench.said["eth_call"] = "0x";
    CHECK(bench.run(bench.sender().simulate(order))->would_succeed);
    bench.said["eth_call"] = word(0);
    CHECK_FALSE(bench.run(bench.sender().simulate(order))->would_succeed);
    bench.said["eth_call"] = word(2);
    CHECK_FALSE(bench.run(bench.sender().simulate(order))->would_succeed);
    bench.said["eth_call"] = "0x";
    bench.said["eth_getCode"] = "0x";
    CHECK_FALSE(bench.run(bench.sender().simulate(order))->would_succeed);
}

TEST_CASE("sender simulate: a revert -> the contract's own words [F41]", "[F41]") {
    SenderBench bench;
    std::string data = error_string("Blacklistable: account is blacklisted");
    bench.special = [&](std::size_t, const std::string& method, const json&, json&) {
        if (method == "eth_call" || method == "eth_estimateGas") {
            throw RpcFailure{3, "execution reverted", data};
        }
    };
    const auto order = bench.order(CallKind::kTokenTransfer);
    auto answer = bench.run(bench.sender().simulate(order));
    REQUIRE(answer);
    CHECK_FALSE(answer->would_succeed);
    CHECK(answer->reason == "Blacklistable: account is blacklisted");
    data = "0x4e487b71" + word(0x11).substr(2);
    CHECK(bench.run(bench.sender().simulate(order))->reason == "panic: arithmetic overflow");
    data = "0xfb8f41b2" + word(1).substr(2);
    answer = bench.run(bench.sender().simulate(order));
    CHECK(answer->reason == "custom error 0xfb8f41b2: execution reverted");
}

TEST_CASE("sender simulate: the node fails -> an error, not a verdict") {
    SenderBench bench;
    bench.special = [](std::size_t, const std::string& method, const json&, json&) {
        if (method == "eth_call") throw RpcFailure{-32000, "something nobody has seen", {}};
    };
    CHECK_FALSE(bench.run(bench.sender().simulate(bench.order(CallKind::kTokenTransfer))));
}

TEST_CASE("sender simulate: the node refuses to run it -> not ready, no verdict") {
    SenderBench bench;
    std::string text;
    bench.special = [&](std::size_t, const std::string& method, const json&, json&) {
        if (method == "eth_call" || method == "eth_estimateGas") {
            throw RpcFailure{-32000, text, {}};
        }
    };
    for (const char* refusal :
         {"insufficient funds for gas * price + value", "invalid params", "nonce too low"}) {
        text = refusal;
        const auto answer =
            bench.run(bench.sender().simulate(bench.order(CallKind::kNativeTransfer)));
        REQUIRE_FALSE(answer);
        CHECK(core::is_transient(answer.error().code));
    }
}

TEST_CASE("sender simulate: a node below the height asked for -> another one, or not ready") {
    SenderBench bench{2};
    bench.special = [](std::size_t node, const std::string& method, const json&, json& result) {
        if (method == "eth_blockNumber") result = node == 0 ? "0xf" : "0x14";
        if (method == "eth_call" && node == 0) throw RpcFailure{3, "execution reverted", {}};
    };
    const auto order = bench.order(CallKind::kTokenTransfer);
    const auto answer = bench.run(bench.sender().simulate(order, 0x14));
    REQUIRE(answer);
    CHECK(answer->would_succeed);
    const auto beyond = bench.run(bench.sender().simulate(order, 0x15));
    REQUIRE_FALSE(beyond);
    CHECK(beyond.error().code == Errc::kNotReady);
}

TEST_CASE("sender simulate: refused by one of two -> no quorum; by both -> a verdict") {
    SenderBench bench{2};
    bool both = false;
    bool silent = false;
    bench.special = [&](std::size_t node, const std::string& method, const json&, json&) {
        if (method != "eth_call") return;
        if (node == 0 || both) throw RpcFailure{3, "execution reverted", {}};
        if (silent) throw RpcFailure{-32000, "header not found", {}};
    };
    const auto order = bench.order(CallKind::kTokenTransfer);
    CHECK(bench.run(bench.sender().simulate(order)).error().code == Errc::kNoQuorum);
    silent = true;
    CHECK(bench.run(bench.sender().simulate(order)).error().code == Errc::kNoQuorum);
    both = true;
    const auto verdict = bench.run(bench.sender().simulate(order));
    REQUIRE(verdict);
    CHECK_FALSE(verdict->would_succeed);
}

namespace {

json simulated(bool first, bool second, const json& error = nullptr) {
    const auto call = [](bool success) {
        return json{{"returnData", success ? word(1) : "0x"}, {"logs", json::array()},
                    {"gasUsed", "0xc350"}, {"status", success ? "0x1" : "0x0"}};
    };
    json last = call(second);
    if (!error.is_null()) last["error"] = error;
    return json::array({{{"number", "0x11"}, {"calls", json::array({call(first), last})}}});
}

struct CallBench : SenderBench {
    using SenderBench::SenderBench;
    core::Expected<chains::Simulation> rehearse() {
        chains::TxOrder call = order(CallKind::kCall);
        call.data = {1, 2, 3, 4};
        std::vector<chains::TxOrder> orders{order(CallKind::kApprove), call};
        return run(sender().rehearse(std::move(orders), 0x10));
    }
};

}  // namespace

TEST_CASE("sender rehearse: both succeed -> good, with a quarter more gas than it took") {
    CallBench bench;
    bench.said["eth_simulateV1"] = simulated(true, true);
    json asked;
    bench.special = [&](std::size_t, const std::string& method, const json& params, json&) {
        if (method == "eth_simulateV1") asked = params;
    };
    const auto answer = bench.rehearse();
    REQUIRE(answer);
    CHECK(answer->would_succeed);
    CHECK(answer->gas_limit == 50'000 + 12'500 + 1);
    const json& calls = asked.at(0).at("blockStateCalls").at(0).at("calls");
    REQUIRE(calls.size() == 2);
    CHECK(calls[0].at("data").get<std::string>().starts_with("0x095ea7b3"));
    CHECK(calls[1].at("data") == "0x01020304");
    CHECK(asked.at(1) == "latest");
}

TEST_CASE("sender rehearse: the second reverts -> the contract's own words, wherever they are") {
    CallBench bench;
    const std::string words = error_string("order unknown");
    bench.said["eth_simulateV1"] =
        simulated(true, false, {{"code", 3}, {"message", "execution reverted"}, {"data", words}});
    auto answer = bench.rehearse();
    REQUIRE(answer);
    CHECK_FALSE(answer->would_succeed);
    CHECK(answer->reason == "order unknown");
    json in_data = simulated(true, false, {{"code", -3200}, {"message", "execution failed"}});
    in_data[0]["calls"][1]["returnData"] = words;
    bench.said["eth_simulateV1"] = in_data;
    answer = bench.rehearse();
    REQUIRE(answer);
    CHECK(answer->reason == "order unknown");
}

TEST_CASE("sender rehearse: no contract there -> refused, whatever the node can simulate") {
    CallBench bench;
    bench.said["eth_getCode"] = "0x";
    bench.said["eth_simulateV1"] = simulated(true, true);
    const auto answer = bench.rehearse();
    REQUIRE(answer);
    CHECK_FALSE(answer->would_succeed);
    CHECK(answer->reason == "there is no contract at that address");
}

TEST_CASE("sender rehearse: more gas than a call may take -> refused") {
    const auto rehearse = [](std::uint64_t gas_max) {
        CallBench bench;
        bench.options.call_gas_max = gas_max;
        bench.said["eth_simulateV1"] = simulated(true, true);
        const auto answer = bench.rehearse();
        REQUIRE(answer);
        return *answer;
    };
    CHECK(rehearse(49'999).reason == "it would take 50000 gas");
    CHECK_FALSE(rehearse(49'999).would_succeed);
    // Without its margin it may run out of gas when it is mined.
    CHECK_FALSE(rehearse(62'500).would_succeed);
    CHECK(rehearse(62'501).would_succeed);
}

TEST_CASE("sender rehearse: nodes that cannot, or answer in another form -> unsupported") {
    CallBench bench;
    std::string text = "the method eth_simulateV1 does not exist/is not available";
    bool fails = true;
    bench.special = [&](std::size_t, const std::string& method, const json&, json&) {
        if (method == "eth_simulateV1" && fails) throw RpcFailure{-32601, text, {}};
    };
    CHECK(bench.rehearse().error().code == Errc::kUnsupported);
    fails = false;
    for (const json& form : {json::array(), json::object(), json::array({json::object()})}) {
        bench.said["eth_simulateV1"] = form;
        CHECK(bench.rehearse().error().code == Errc::kUnsupported);
    }
}

namespace {

json transfer_log(const core::Address& token, const core::Address& from, const core::Address& to,
                  std::uint64_t amount) {
    const auto topic = [](const core::Address& address) {
        return "0x" + std::string(24, '0') + address.hex0x().substr(2);
    };
    return {{"address", token.hex0x()},
            {"topics", {chains::evm::erc20_transfer_topic().hex0x(), topic(from), topic(to)}},
            {"data", word(amount)}};
}

}  // namespace

TEST_CASE("sender rehearse: logs of the call -> what leaves the caller or comes to it of listed tokens") {
    CallBench bench;
    json good = simulated(true, true);
    const auto alice = bench.alice;
    const auto carol = bench.carol;
    good[0]["calls"][1]["logs"] = {transfer_log(bench.usdc, alice, carol, 5),
                                   transfer_log(bench.usdc, alice, alice, 6),
                                   transfer_log(bench.usdc, carol, alice, 7),
                                   transfer_log(carol, alice, carol, 8),
                                   transfer_log(bench.usdc, alice, core::Address::from_bytes(core::Bytes(20, 0)).value(), 2)};
    bench.said["eth_simulateV1"] = good;
    const auto answer = bench.rehearse();
    REQUIRE(answer);
    REQUIRE(answer->moves.size() == 3);
    CHECK(answer->moves[0].units == Units{5});
    CHECK(answer->moves[0].to == carol);
    CHECK_FALSE(answer->moves[0].comes_in);
    CHECK(answer->moves[1].units == Units{7});
    CHECK(answer->moves[1].comes_in);
    CHECK(answer->moves[2].units == Units{2});
    good[0]["calls"][1].erase("logs");
    bench.said["eth_simulateV1"] = good;
    CHECK(bench.rehearse().error().code == Errc::kUnsupported);
}

TEST_CASE("sender rehearse: coin -> what comes back is told; a node that does not trace it -> unsupported") {
    CallBench bench;
    const auto coin = core::Address::from_bytes(core::Bytes(20, 0xee)).value();
    chains::TxOrder call = bench.order(CallKind::kCall);
    call.asset = bench.order(CallKind::kNativeTransfer).asset;
    call.units = Units{100};
    call.data = {1, 2, 3, 4};
    json asked;
    bench.special = [&](std::size_t, const std::string& method, const json& params, json&) {
        if (method == "eth_simulateV1") asked = params;
    };
    const auto rehearse = [&] {
        std::vector<chains::TxOrder> orders{call};
        return bench.run(bench.sender().rehearse(std::move(orders), 0x10));
    };
    json good = simulated(true, true);
    good[0]["calls"].erase(0);
    bench.said["eth_simulateV1"] = good;
    CHECK(rehearse().error().code == Errc::kUnsupported);
    good[0]["calls"][0]["logs"] = {transfer_log(coin, call.sender, call.recipient, 100),
                                   transfer_log(coin, call.recipient, call.sender, 40)};
    bench.said["eth_simulateV1"] = good;
    const auto answer = rehearse();
    REQUIRE(answer);
    CHECK(asked.at(0).at("traceTransfers") == true);
    REQUIRE(answer->moves.size() == 1);
    CHECK(answer->moves[0].asset == call.asset);
    CHECK(answer->moves[0].units == Units{40});
    CHECK(answer->moves[0].comes_in);
}

TEST_CASE("sender rehearse: two that say the same -> an answer; one alone, or two that differ -> none") {
    CallBench bench{2};
    const json good = simulated(true, true);
    json more = good;
    more[0]["calls"][1]["logs"] = {transfer_log(bench.usdc, bench.alice, bench.carol, 5)};
    std::string second = "good";
    bench.special = [&](std::size_t node, const std::string& method, const json&, json& result) {
        if (method != "eth_simulateV1") return;
        result = good;
        if (node == 0 || second == "good") return;
        if (second == "none") throw RpcFailure{-32601, "method not found", {}};
        result = second == "more" ? more : simulated(true, false);
    };
    REQUIRE(bench.rehearse());
    for (const char* other : {"none", "more", "refuses"}) {
        second = other;
        const auto answer = bench.rehearse();
        REQUIRE_FALSE(answer);
        CHECK(answer.error().code == Errc::kNoQuorum);
    }
}

TEST_CASE("sender holding: balance and allowance at one block -> by as many as must agree") {
    SenderBench bench{2};
    bench.options.quorum = 2;
    bool differs = false;
    json asked;
    bench.special = [&](std::size_t node, const std::string& method, const json& params,
                        json& result) {
        if (method != "eth_call") return;
        asked = params;
        const bool is_balance = params[0].at("data").get<std::string>().starts_with("0x70a08231");
        result = is_balance ? word(9) : word(node == 1 && differs ? 1 : 4);
    };
    const auto asset = chains::evm::erc20_asset(bench.info.id, bench.usdc);
    core::BlockRef at;
    at.height = 7;
    auto held = bench.run(bench.sender().holding(asset, bench.alice, bench.carol, at));
    REQUIRE(held);
    CHECK(held->balance == Units{9});
    CHECK(held->allowance == Units{4});
    CHECK(asked.at(1).at("blockHash") == at.hash.hex0x());
    differs = true;
    held = bench.run(bench.sender().holding(asset, bench.alice, bench.carol, at));
    REQUIRE_FALSE(held);
    CHECK(held.error().code == Errc::kNoQuorum);
}

TEST_CASE("sender price: fee history -> twice the next base fee and the median tip") {
    SenderBench bench;
    auto price = bench.run(bench.sender().suggest_price());
    REQUIRE(price);
    CHECK(*price == GasPrice{Units{2 * 0x30 + 4}, Units{4}});
    bench.said["eth_feeHistory"]["reward"] = json::array({json::array({"0x0"})});
    price = bench.run(bench.sender().suggest_price());
    REQUIRE(price);
    CHECK(price->max_priority_fee == Units{5});
}

TEST_CASE("sender price: no base fee -> a legacy chain's gas price") {
    SenderBench bench;
    bench.special = [](std::size_t, const std::string& method, const json&, json&) {
        if (method == "eth_feeHistory") throw RpcFailure{-32601, "method not found", {}};
    };
    const auto price = bench.run(bench.sender().suggest_price());
    REQUIRE(price);
    CHECK(price->legacy);
    CHECK(price->max_fee == Units{0x64});
}

TEST_CASE("sender price: above the operator's cap -> halted; near it -> cut [F43]", "[F43]") {
    SenderBench bench;
    bench.options.max_fee_cap = Units{0x30 + 3};
    auto price = bench.run(bench.sender().suggest_price());
    REQUIRE_FALSE(price);
    CHECK(price.error().code == Errc::kHalted);

    SenderBench wider;
    wider.options.max_fee_cap = Units{0x30 + 4};
    price = wider.run(wider.sender().suggest_price());
    REQUIRE(price);
    CHECK(price->max_fee == Units{0x30 + 4});
}

TEST_CASE(
    "sender bump: from one wei to 500 gwei -> a tenth more in both parts, one wei at least [F34]",
    "[F34]") {
    SenderBench bench;
    for (std::uint64_t wei = 1; wei < 500'000'000'000ULL; wei = wei * 3 + 1) {
        const GasPrice old_price{Units{wei + 5}, Units{wei}};
        const auto next = bench.sender().bump(old_price, {});
        REQUIRE(next);
        // geth: new >= old * (100 + 10) / 100, and more than before.
        CHECK(next->max_fee.raw() * 100 >= old_price.max_fee.raw() * 110);
        CHECK(next->max_priority_fee.raw() * 100 >= old_price.max_priority_fee.raw() * 110);
        CHECK(next->max_fee > old_price.max_fee);
        CHECK(next->max_priority_fee > old_price.max_priority_fee);
        CHECK(next->max_priority_fee <= next->max_fee);
    }
    const auto up = bench.sender().bump({Units{100}, Units{10}}, {Units{500}, Units{70}});
    REQUIRE(up);
    CHECK(*up == GasPrice{Units{500}, Units{70}});
}

TEST_CASE("sender bump: at the cap -> the cap while it still replaces, then halted [F43]",
          "[F43]") {
    SenderBench bench;
    bench.options.max_fee_cap = Units{115};
    const auto last = bench.sender().bump({Units{100}, Units{10}}, {Units{500}, Units{12}});
    REQUIRE(last);
    CHECK(last->max_fee == Units{115});
    const auto over = bench.sender().bump(*last, {});
    REQUIRE_FALSE(over);
    CHECK(over.error().code == Errc::kHalted);
}

TEST_CASE("sender cost: gas and value, and on an OP stack the L1 part with a margin") {
    SenderBench bench{1, 8453};
    chains::UnsignedTx tx;
    tx.chain = bench.info.id;
    tx.order = bench.order(CallKind::kNativeTransfer);
    tx.gas_limit = 30'000;
    tx.price = {Units{10}, Units{1}};
    bench.said["eth_call"] = word(100);
    const auto cost = bench.run(bench.sender().cost_max(tx));
    REQUIRE(cost);
    CHECK(*cost == Units{300'000 + 7 + 150});

    SenderBench plain;
    tx.chain = plain.info.id;
    tx.order = plain.order(CallKind::kTokenTransfer);
    CHECK(*plain.run(plain.sender().cost_max(tx)) == Units{300'000});
}

TEST_CASE("sender nonce: final -> at the deep block, from as many endpoints as must agree") {
    SenderBench bench{2};
    bench.options.quorum = 2;
    for (int i = 0; i < 5; ++i) bench.chain.mine({});
    std::string asked;
    bool second_differs = false;
    bench.special = [&](std::size_t node, const std::string& method, const json& params,
                        json& result) {
        if (method != "eth_getTransactionCount") return;
        asked = params[1];
        result = node == 1 && second_differs ? "0x5" : "0x4";
    };
    const auto nonce = bench.run(bench.sender().nonce_final(bench.alice));
    REQUIRE(nonce);
    CHECK(*nonce == 4);
    CHECK(asked == "0x3");  // two blocks below the head
    second_differs = true;
    const auto split = bench.run(bench.sender().nonce_final(bench.alice));
    REQUIRE_FALSE(split);
    CHECK(split.error().code == Errc::kNoQuorum);
    CHECK(*bench.run(bench.sender().nonce_latest(bench.alice)) == 4);
    CHECK(asked == "latest");
}

TEST_CASE("sender nonce: the final state is pruned -> the lowest of the latest counts") {
    SenderBench bench{2};
    bench.options.quorum = 2;
    for (int i = 0; i < 5; ++i) bench.chain.mine({});
    bool is_archive = false;
    bool is_down = false;
    bench.special = [&](std::size_t node, const std::string& method, const json& params,
                        json& result) {
        if (method != "eth_getTransactionCount") return;
        if (node == 1 && is_down) throw RpcFailure{-32000, "something nobody has seen", {}};
        if (params[1] != "latest" && !(node == 0 && is_archive)) {
            throw RpcFailure{-32000, "missing trie node 0a1b (path ) state is not available", {}};
        }
        result = params[1] != "latest" ? "0x4" : node == 0 ? "0x7" : "0x6";
    };
    auto nonce = bench.run(bench.sender().nonce_final(bench.alice));
    REQUIRE(nonce);
    CHECK(*nonce == 6);
    is_archive = true;
    nonce = bench.run(bench.sender().nonce_final(bench.alice));
    REQUIRE(nonce);
    CHECK(*nonce == 6);
    is_archive = false;
    is_down = true;
    CHECK_FALSE(bench.run(bench.sender().nonce_final(bench.alice)));
}

TEST_CASE("sender bump: a legacy chain's price -> stays a legacy one") {
    SenderBench bench;
    const auto next = bench.sender().bump({Units{100}, Units{100}, true}, {});
    REQUIRE(next);
    CHECK(next->legacy);
}

TEST_CASE("sender send: one endpoint of three takes it -> accepted [F47]", "[F47]") {
    SenderBench bench{3};
    bench.special = [&](std::size_t node, const std::string& method, const json&, json& result) {
        if (method != "eth_sendRawTransaction") return;
        if (node == 0) throw RpcFailure{-32000, "nonce too low", {}};
        if (node == 1) throw RpcFailure{-32000, "who knows", {}};
        result = chains::evm::tx_id_of(bench.raw).hex0x();
    };
    const auto report = bench.send();
    REQUIRE(report);
    CHECK(report->outcome == SendOutcome::kAccepted);
    CHECK(bench.calls_of("eth_sendRawTransaction") == 3);
}

TEST_CASE("sender send: no reply, or another hash -> unclear, look later [F29]", "[F29]") {
    SenderBench bench;
    bench.special = [](std::size_t, const std::string& method, const json&, json& result) {
        if (method == "eth_sendRawTransaction") result = hash_text("another");
    };
    CHECK(bench.send()->outcome == SendOutcome::kUnclear);
    bench.client.script = [](const net::HttpRequest&) -> core::Expected<net::HttpResponse> {
        return core::Error{Errc::kTimeout, "no answer in time"};
    };
    CHECK(bench.send()->outcome == SendOutcome::kUnclear);
}

TEST_CASE("sender send: accepted under another hash -> who says so is doubted [F25]", "[F25]") {
    SenderBench bench{2};
    bench.special = [&](std::size_t node, const std::string& method, const json&, json& result) {
        if (method != "eth_sendRawTransaction") return;
        result = node == 1 ? word(7) : chains::evm::tx_id_of(bench.raw).hex0x();
    };
    REQUIRE(bench.send());
    CHECK(bench.log.text.find("endpoint=n0") == std::string::npos);
    CHECK(bench.metrics.values["depositd_endpoint_doubts_total,chain=eip155:31337,endpoint=n1,"
                               "reason=malformed"] == 1);
}

TEST_CASE("sender balance: one of three tells another -> the middle one; doubted [F25]", "[F25]") {
    for (const std::string lie : {"0x0", "0xffffff"}) {
        SenderBench bench{3};
        bench.said["eth_blockNumber"] = "0x100";
        bench.said["eth_getBalance"] = "0x64";
        bench.special = [&lie](std::size_t node, const std::string& method, const json&,
                               json& result) {
            if (node == 2 && method == "eth_getBalance") result = lie;
        };
        CHECK(bench.run(bench.sender().native_balance(bench.alice)).value() == Units{0x64});
        CHECK(bench.log.text.find("endpoint=n2 reason=outvoted") != std::string::npos);
        CHECK(bench.log.text.find("endpoint=n0") == std::string::npos);
        CHECK(bench.log.text.find("endpoint=n1") == std::string::npos);
    }
}

TEST_CASE("sender balance: one is a block behind -> nobody is doubted [F28]", "[F28]") {
    SenderBench bench{3};
    bench.said["eth_blockNumber"] = "0x100";
    bench.said["eth_getBalance"] = "0x64";
    bench.special = [](std::size_t node, const std::string& method, const json& params,
                       json& result) {
        if (node == 2 && method == "eth_getBalance" && params[1] == "latest") result = "0x63";
    };
    CHECK(bench.run(bench.sender().native_balance(bench.alice)).value() == Units{0x64});
    CHECK(bench.calls_of("eth_getBalance") == 6);
    CHECK(bench.log.text.find("doubted") == std::string::npos);
}

TEST_CASE("sender ready: a mainnet's quorum of two -> one endpoint is not enough") {
    SenderBench two{2, 8453};
    CHECK(two.sender().ready_to_pay().has_value());
    SenderBench one{1, 8453};
    REQUIRE_FALSE(one.sender().ready_to_pay());
    CHECK(one.sender().ready_to_pay().error().code == Errc::kNoQuorum);
    SenderBench on_purpose{1, 8453};
    on_purpose.options.quorum = 1;
    CHECK(on_purpose.sender().ready_to_pay().has_value());
    SenderBench local;
    CHECK(local.sender().ready_to_pay().has_value());
    SenderBench tempo{2, 4217};
    CHECK(tempo.sender().ready_to_pay().error().code == Errc::kUnsupported);
}

TEST_CASE("sender ready: an endpoint of another chain -> no longer counted [F26]", "[F26]") {
    SenderBench bench{2, 8453};
    bench.special = [](std::size_t node, const std::string& method, const json&, json& result) {
        if (method == "eth_chainId" && node == 0) result = "0x1";
    };
    CHECK(bench.run(bench.sender().suggest_price()).has_value());
    CHECK(bench.sender().ready_to_pay().error().code == Errc::kNoQuorum);
}
