#include "chains/crypto/keccak.hpp"
#include "tests/unit/simulation/bench.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace simulation_bench;
using nlohmann::json;

namespace {

std::string body_of(const std::string& method, const std::string& params) {
    return R"({"jsonrpc":"2.0","id":1,"method":")" + method + R"(","params":)" + params + "}";
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

//! A chain on which there is something to lie about, and questions whose answers it would change.
struct Interview {
    Bench bench{1};
    std::vector<std::string> questions;
    core::Bytes payout;
    std::string waiting;

    Interview() {
        bench.mine(3);
        bench.pay(kUsdc, address(0x71), 5);
        const auto coin = bench.pay(kNative, bench.alice, 2'000);
        const auto tokens = bench.pay(kUsdc, bench.alice, 1'000);
        const auto block = bench.mine();
        const auto ours = bench.sign(bench.unsigned_tx(kUsdc, address(0x72), 10, 0));
        bench.chain.submit(ours.raw, bench.chain.tip_id());
        bench.mine(9);
        waiting = bench.pay(kUsdc, bench.alice, 7).hex0x();
        payout = bench.sign(bench.unsigned_tx(kUsdc, address(0x72), 10, 1)).raw;
        bench.nodes[0]->set_targets({bench.alice});

        const std::string at = quoted(block.hash.hex0x());
        const std::string hot = quoted(bench.hot().hex0x());
        const std::string alice = bench.alice.hex0x().substr(2);
        const std::string usdc = quoted(address(0xA0).hex0x());
        const std::string dai = quoted(address(0xA1).hex0x());
        ask("eth_chainId", "[]");
        ask("eth_blockNumber", "[]");
        for (const std::string tag : {"latest", "finalized", "earliest", "0x4", "0x12"}) {
            ask("eth_getBlockByNumber", "[" + quoted(tag) + ",true]");
        }
        ask("eth_getBlockByHash", "[" + at + ",false]");
        ask("eth_getLogs", "[{\"blockHash\":" + at + ",\"address\":[" + usdc + "," + dai + "]}]");
        ask("eth_getLogs", R"([{"fromBlock":"0x1","toBlock":"latest","address":)" + usdc + "}]");
        ask("eth_getBlockReceipts", "[" + at + "]");
        for (const std::string& tx : {coin.hex0x(), tokens.hex0x(), ours.id.hex0x(), waiting}) {
            ask("eth_getTransactionReceipt", "[" + quoted(tx) + "]");
            ask("eth_getTransactionByHash", "[" + quoted(tx) + "]");
        }
        ask("eth_getBalance", "[" + hot + ",{\"blockHash\":" + at + "}]");
        ask("eth_getCode", "[" + usdc + ",\"latest\"]");
        for (const std::string tag : {"latest", "pending", "finalized"}) {
            ask("eth_getTransactionCount", "[" + hot + "," + quoted(tag) + "]");
        }
        ask("eth_call", "[{\"to\":" + usdc + ",\"data\":\"0x70a08231" + std::string(24, '0') +
                            alice + "\"},\"latest\"]");
        ask("eth_estimateGas", "[{\"from\":" + hot + ",\"to\":" + hot + ",\"value\":\"0x1\"}]");
        ask("eth_feeHistory", R"(["0x4","latest",[50]])");
        ask("eth_gasPrice", "[]");
        ask("eth_maxPriorityFeePerGas", "[]");
    }
    void ask(const std::string& method, const std::string& params) {
        questions.push_back(body_of(method, params));
    }
    std::vector<std::string> answers() {
        std::vector<std::string> out;
        for (const std::string& question : questions) {
            out.push_back(bench.nodes[0]->answer(question).body);
        }
        return out;
    }
    std::string send() {
        const std::string params = "[" + quoted(core::to_hex0x(payout)) + "]";
        return bench.nodes[0]->answer(body_of("eth_sendRawTransaction", params)).body;
    }
};

}  // namespace

TEST_CASE("simulated node: every answer -> one JSON document, the same for the same question") {
    Interview interview;
    const auto first = interview.answers();
    CHECK(first == interview.answers());
    for (const std::string& answer : first) {
        CAPTURE(answer);
        const json parsed = json::parse(answer);
        CHECK(parsed["id"] == 1);
        CHECK(parsed.contains("result"));
    }
}

TEST_CASE("simulated node: each lie -> another answer than the truth, and the truth afterwards") {
    const auto lie = static_cast<Lie>(GENERATE(range(std::size_t{0}, kLieCount)));
    CAPTURE(name_of(lie));
    Interview interview;
    Node& node = *interview.bench.nodes[0];
    if (lie == Lie::kStaleHead) {
        node.set_lie(lie);
        interview.bench.mine();
        const auto lied = interview.answers();
        node.tell_the_truth();
        CHECK(lied != interview.answers());
        return;
    }
    const auto truth = interview.answers();
    node.set_lie(lie);
    bool told = interview.answers() != truth;
    if (lie == Lie::kAlreadyKnown || lie == Lie::kSwallow || lie == Lie::kRefuse) {
        const std::string said = interview.send();
        const bool pooled = interview.bench.chain.waiting().size() == 2;
        CHECK(pooled == (lie == Lie::kRefuse));
        CHECK((said.find("error") != std::string::npos) == (lie != Lie::kSwallow));
        told = true;
        interview.bench.chain.evict(chains::evm::tx_id_of(interview.payout));
    }
    CHECK(told);
    node.tell_the_truth();
    CHECK(interview.answers() == truth);
}

TEST_CASE("simulated node: what it does not offer or understand -> an error in its place") {
    Bench bench{1};
    Node& node = *bench.nodes[0];
    const auto batch = json::parse(
        node.answer("[" + body_of("eth_chainId", "[]") + ", " + body_of("eth_mine", "[]") + "]")
            .body);
    REQUIRE(batch.size() == 2);
    CHECK(batch[0]["result"] == "0x7a69");
    CHECK(batch[1]["error"]["code"] == -32601);
    CHECK(json::parse(node.answer("{oops").body)["error"]["code"] == -32700);
    const auto beyond =
        json::parse(node.answer(body_of("eth_getBlockByNumber", R"(["0x9",false])")).body);
    CHECK(beyond["result"].is_null());
}

TEST_CASE("simulated node: a contract's words -> told as geth tells them") {
    Bench bench{1};
    bench.mine();
    bench.chain.behaviour(kUsdc).paused = true;
    const std::string data = "0xa9059cbb" + std::string(24, '0') + bench.alice.hex0x().substr(2) +
                             std::string(63, '0') + "1";
    const auto said = json::parse(
        bench.nodes[0]
            ->answer(body_of("eth_call", R"([{"from":")" + bench.hot().hex0x() + R"(","to":")" +
                                             address(0xA0).hex0x() + R"(","data":")" + data +
                                             R"("},"latest"])"))
            .body);
    CHECK(said["error"]["code"] == 3);
    CHECK(said["error"]["message"] == "execution reverted: Pausable: paused");
    CHECK(said["error"]["data"].get<std::string>().starts_with("0x08c379a0"));
}

TEST_CASE("simulated world: the same script -> the same bytes, whoever compiled it") {
    Interview interview;
    auto& chain = interview.bench.chain;
    const ReorgPlan plan = [](const DroppedTx& tx) {
        return tx.synthetic ? Fate::kElsewhere : Fate::kPool;
    };
    REQUIRE(chain.reorg(10, plan, interview.bench.clock.now(), true).has_value());
    interview.bench.mine(3);
    std::string all = interview.send();
    for (const std::string& answer : interview.answers()) all += answer;
    const auto digest = chains::crypto::keccak256(core::bytes_of(all));
    CHECK(digest.hex0x() == "0xb780337136f8de82b83d99983703742e70abba0bfb62f6fa014dbd0f593cf4db");
}
