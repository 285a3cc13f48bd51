#pragma once

#include "chains/crypto/keccak.hpp"
#include "chains/evm/impl/header_hash.hpp"
#include "chains/evm/logs.hpp"
#include "chains/evm/profiles.hpp"
#include "chains/evm/reader.hpp"
#include "chains/evm/receipts_root.hpp"
#include "net/endpoint_pool.hpp"
#include "tests/unit/net/fakes.hpp"

#include <nlohmann/json.hpp>

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace evm_bench {

using nlohmann::json;

inline std::string word(std::uint64_t number) {
    return core::to_hex0x(core::Units{number}.big_endian());
}
inline std::string hash_text(const std::string& seed) {
    return chains::crypto::keccak256(core::bytes_of(seed)).hex0x();
}
inline core::Address address(std::uint8_t tail) {
    core::Bytes bytes(20, 0x11);
    bytes.back() = tail;
    return *core::Address::from_bytes(bytes);
}
inline std::string topic(const core::Address& address) {
    return "0x" + std::string(24, '0') + address.hex0x().substr(2);
}

struct FakeLog {
    core::Address contract;
    std::vector<std::string> topics;
    std::string data;
};

inline FakeLog transfer(const core::Address& contract, const core::Address& from,
                        const core::Address& to, std::uint64_t units) {
    return {contract,
            {chains::evm::erc20_transfer_topic().hex0x(), topic(from), topic(to)},
            word(units)};
}

struct FakeTx {
    std::string seed;
    core::Address from = address(0xF0);
    core::Address to = address(0xF1);
    std::uint64_t value = 0;
    std::uint64_t nonce = 0;
    bool success = true;
    std::vector<FakeLog> logs;
    std::uint64_t l1_fee = 0;
    std::uint64_t type = 2;

    std::string hash() const { return hash_text("tx" + seed); }
};

struct FakeBlock {
    std::vector<FakeTx> txs;
    std::string fork;  //!< changes the hash
};

//! A chain as one honest node tells it, by JSON-RPC.
class FakeChain {
  public:
    std::uint64_t chain_id = 31337;
    std::vector<FakeBlock> blocks{FakeBlock{}};
    std::optional<std::uint64_t> finalized;
    std::optional<std::string> balances_answer;  //!< to eth_call without `to`

    void mine(FakeBlock block) { blocks.push_back(std::move(block)); }
    std::uint64_t head() const { return blocks.size() - 1; }
    //! Real: the header's fields give it.
    std::string hash_of(std::uint64_t height) const {
        std::size_t lineage = 0;
        std::string hash = word(0);
        for (std::uint64_t i = 0; i <= height; ++i) {
            lineage = lineage * 31 + fingerprint(blocks[i]);
            std::string& known = hashes_[{i, lineage}];
            if (known.empty()) {
                known = chains::evm::impl::header_hash(header_fields(i, hash)).hex0x();
            }
            hash = known;
        }
        return hash;
    }

    json answer(const std::string& method, const json& params) const {
        if (method == "eth_chainId") return hex(chain_id);
        if (method == "eth_getBlockByNumber") return block_json(params[0], params[1]);
        if (method == "eth_getBlockByHash") {
            const auto height = height_of(params[0]);
            return height ? block_at(*height) : json(nullptr);
        }
        if (method == "eth_getLogs") return logs_json(params[0]);
        if (method == "eth_getTransactionReceipt") return receipt_json(params[0]);
        if (method == "eth_getTransactionByHash") return tx_json(params[0]);
        if (method == "eth_getBlockReceipts") {
            json out = json::array();
            const json block = block_at(*height_of(params[0]));
            for (const json& tx : block["transactions"]) {
                out.push_back(receipt_json(tx["hash"]));
            }
            return out;
        }
        if (method == "eth_getBalance") return hex(1000 + params[0].get<std::string>().back());
        if (method == "eth_call" && balances_answer) return *balances_answer;
        throw std::runtime_error{"no answer to " + method};
    }

    static std::string hex(std::uint64_t number) { return core::Units{number}.hex_quantity(); }

    std::optional<std::uint64_t> height_of(const json& hash) const {
        for (std::uint64_t i = 0; i < blocks.size(); ++i) {
            if (hash_of(i) == hash) return i;
        }
        return std::nullopt;
    }

    json block_at(std::uint64_t height) const {
        json txs = json::array();
        for (const FakeTx& tx : blocks[height].txs) txs.push_back(tx_json(tx.hash()));
        const std::string parent = height == 0 ? word(0) : hash_of(height - 1);
        const auto header = header_fields(height, parent);
        const std::string zero = word(0);
        return {{"number", hex(height)},
                {"hash", hash_of(height)},
                {"parentHash", parent},
                {"sha3Uncles", zero},
                {"miner", header.miner.hex0x()},
                {"stateRoot", zero},
                {"transactionsRoot", zero},
                {"receiptsRoot", header.receipts_root.hex0x()},
                {"difficulty", "0x0"},
                {"gasLimit", "0x0"},
                {"gasUsed", "0x0"},
                {"extraData", core::to_hex0x(header.extra)},
                {"mixHash", zero},
                {"nonce", "0x0000000000000000"},
                {"timestamp", hex(header.timestamp)},
                {"logsBloom", core::to_hex0x(header.bloom.bytes)},
                {"baseFeePerGas", "0x7"},
                {"transactions", txs}};
    }

  private:
    static std::size_t fingerprint(const FakeBlock& block) {
        std::string text = block.fork + "/";
        for (const FakeTx& tx : block.txs) {
            text += tx.seed + std::to_string(tx.success) + std::to_string(tx.type) + "/";
            for (const FakeLog& log : tx.logs) {
                text.append(log.contract.view().begin(), log.contract.view().end());
                for (const std::string& t : log.topics) text += t;
                text += log.data;
            }
        }
        return std::hash<std::string>{}(text);
    }
    static chains::evm::impl::Bloom bloom_of(const FakeTx& tx) {
        chains::evm::impl::Bloom bloom;
        for (const FakeLog& log : tx.logs) {
            bloom.add(log.contract.view());
            for (const std::string& t : log.topics) bloom.add(*core::from_hex(t));
        }
        return bloom;
    }
    chains::evm::impl::HeaderFields header_fields(std::uint64_t height,
                                                  const std::string& parent) const {
        chains::evm::impl::HeaderFields header;
        header.parent = *chains::evm::Bytes32::from_hex(parent);
        header.miner = address(0);
        header.height = height;
        header.timestamp = 1'700'000'000 + height * 12;
        header.base_fee = core::Units{7};
        const auto fork = core::bytes_of(blocks[height].fork);
        header.extra.assign(fork.begin(), fork.end());
        std::vector<core::Bytes> receipts;
        for (const FakeTx& tx : blocks[height].txs) {
            const auto bloom = bloom_of(tx);
            std::vector<core::Bytes> logs;
            for (const FakeLog& log : tx.logs) {
                std::vector<chains::evm::Bytes32> topics;
                for (const std::string& t : log.topics) {
                    topics.push_back(*chains::evm::Bytes32::from_hex(t));
                }
                logs.push_back(
                    chains::evm::encode_log(log.contract, topics, *core::from_hex(log.data)));
            }
            for (std::size_t i = 0; i < bloom.bytes.size(); ++i) {
                header.bloom.bytes[i] |= bloom.bytes[i];
            }
            chains::evm::ReceiptParts parts;
            parts.type = tx.type <= 4 ? tx.type : 0;
            parts.success = tx.success;
            parts.cumulative_gas = 21'000 * (receipts.size() + 1);
            parts.bloom = bloom.bytes;
            parts.logs = logs;
            receipts.push_back(*chains::evm::encode_receipt(parts));
        }
        header.receipts_root = chains::evm::ordered_trie_root(receipts);
        return header;
    }

    json block_json(const json& which, const json&) const {
        std::uint64_t height = 0;
        if (which == "latest") {
            height = head();
        } else if (which == "finalized") {
            if (!finalized) return nullptr;
            height = *finalized;
        } else {
            height = *core::Units::from_hex_quantity(which.get<std::string>())->to_u64();
        }
        return height > head() ? json(nullptr) : block_at(height);
    }

    struct Place {
        std::uint64_t height;
        std::size_t index;
        std::uint32_t first_log;
    };
    std::optional<Place> find(const json& hash) const {
        for (std::uint64_t h = 0; h < blocks.size(); ++h) {
            std::uint32_t logs = 0;
            for (std::size_t i = 0; i < blocks[h].txs.size(); ++i) {
                if (blocks[h].txs[i].hash() == hash) return Place{h, i, logs};
                logs += static_cast<std::uint32_t>(blocks[h].txs[i].logs.size());
            }
        }
        return std::nullopt;
    }

    json tx_json(const json& hash) const {
        const auto place = find(hash);
        if (!place) return nullptr;
        const FakeTx& tx = blocks[place->height].txs[place->index];
        return {{"hash", tx.hash()},
                {"from", tx.from.hex0x()},
                {"to", tx.to.empty() ? json(nullptr) : json(tx.to.hex0x())},
                {"value", hex(tx.value)},
                {"nonce", hex(tx.nonce)},
                {"blockHash", hash_of(place->height)},
                {"transactionIndex", hex(place->index)}};
    }

    json receipt_json(const json& hash) const {
        const auto place = find(hash);
        if (!place) return nullptr;
        const FakeTx& tx = blocks[place->height].txs[place->index];
        json logs = json::array();
        for (std::size_t i = 0; i < tx.logs.size(); ++i) {
            logs.push_back(log_json(tx, tx.logs[i], *place, static_cast<std::uint32_t>(i)));
        }
        json out{{"transactionHash", tx.hash()},
                 {"transactionIndex", hex(place->index)},
                 {"blockHash", hash_of(place->height)},
                 {"blockNumber", hex(place->height)},
                 {"status", tx.success ? "0x1" : "0x0"},
                 {"gasUsed", hex(21'000)},
                 {"effectiveGasPrice", hex(10)},
                 {"logs", logs},
                 {"type", hex(tx.type)},
                 {"cumulativeGasUsed", hex(21'000 * (place->index + 1))}};
        if (tx.l1_fee != 0) out["l1Fee"] = hex(tx.l1_fee);
        return out;
    }

    json log_json(const FakeTx& tx, const FakeLog& log, const Place& place, std::uint32_t i) const {
        return {{"address", log.contract.hex0x()},
                {"topics", log.topics},
                {"data", log.data},
                {"blockHash", hash_of(place.height)},
                {"blockNumber", hex(place.height)},
                {"transactionHash", tx.hash()},
                {"transactionIndex", hex(place.index)},
                {"logIndex", hex(place.first_log + i)},
                {"removed", false}};
    }

    json logs_json(const json& query) const {
        std::uint64_t first = 0;
        std::uint64_t last = 0;
        if (query.contains("blockHash")) {
            const auto height = height_of(query["blockHash"]);
            if (!height) throw std::runtime_error{"unknown block"};
            first = last = *height;
        } else {
            first =
                *core::Units::from_hex_quantity(query["fromBlock"].get<std::string>())->to_u64();
            last = *core::Units::from_hex_quantity(query["toBlock"].get<std::string>())->to_u64();
        }
        std::set<std::string> contracts;
        for (const json& a : query["address"]) contracts.insert(a.get<std::string>());
        json out = json::array();
        for (std::uint64_t h = first; h <= last && h <= head(); ++h) {
            for (const FakeTx& tx : blocks[h].txs) {
                const auto place = find(tx.hash());
                for (std::size_t i = 0; i < tx.logs.size(); ++i) {
                    const FakeLog& log = tx.logs[i];
                    if (contracts.count(log.contract.hex0x()) == 0) continue;
                    if (log.topics.empty() || log.topics[0] != query["topics"][0]) continue;
                    out.push_back(log_json(tx, log, *place, static_cast<std::uint32_t>(i)));
                }
            }
        }
        return out;
    }

    mutable std::map<std::pair<std::uint64_t, std::size_t>, std::string> hashes_;
};

struct RpcFailure {
    int code;
    std::string message;
    std::string data;
};

//! May change a node's answer, or throw RpcFailure in its place.
using Twist = std::function<void(const std::string& method, const json& params, json& result)>;

struct OnlyThese final : chains::WatchFilter {
    std::set<core::Address> ours;
    bool is_ours(const core::Address& a) const override { return ours.count(a) != 0; }
};

//! Nodes "n0", "n1", … over one FakeChain, a pool before them and whatever is tested behind it.
struct Bench {
    explicit Bench(std::size_t nodes = 1, std::uint64_t number = 31337) : twists(nodes) {
        chain.chain_id = number;
        info = chains::evm::find_profile(number).value_or(
            chains::evm::generic_profile(number, "Test"));
        if (number == 31337) {
            chains::evm::add_token(info, "USDC", 6, usdc);
            chains::evm::add_token(info, "DAI", 18, dai);
        }
        std::vector<net::EndpointConfig> configs;
        for (std::size_t i = 0; i < nodes; ++i) {
            net::EndpointConfig config;
            config.name = "n" + std::to_string(i);
            config.url = "http://" + config.name + ".test/";
            configs.push_back(std::move(config));
        }
        pool = std::make_unique<net::EndpointPool>(info.id, std::move(configs), net::PoolOptions{},
                                                   client, clock, rng, log, metrics);
        filter.ours.insert(alice);
        filter.ours.insert(bob);
    }

    chains::ChainReader& reader() {
        if (!reader_) reader_ = chains::evm::make_reader(info, *pool, clock, log, metrics);
        return *reader_;
    }
    core::Expected<chains::BlockScan> scan(std::uint64_t height) {
        return run(reader().scan_block(height, filter));
    }
    template <class T>
    T run(core::Task<T> task) {
        return net::testing::run(loop, std::move(task));
    }
    int calls_of(const std::string& method) const {
        const auto found = calls.find(method);
        return found == calls.end() ? 0 : found->second;
    }

    core::Address usdc = address(0xA0);
    core::Address dai = address(0xA1);
    core::Address alice = address(1);
    core::Address bob = address(2);
    core::Address carol = address(3);

    FakeChain chain;
    chains::ChainInfo info;
    OnlyThese filter;
    std::vector<Twist> twists;
    std::map<std::string, int> calls;
    std::vector<std::string> log_queries;

    core::asio::io_context loop{1};
    net::testing::FakeClock clock;
    net::testing::CountingRng rng;
    net::testing::KeptLog log;
    net::testing::KeptMetrics metrics;
    net::testing::ScriptedHttp client{[this](const net::HttpRequest& r) { return serve(r); }};
    std::unique_ptr<net::EndpointPool> pool;

  private:
    json serve_one(std::size_t node, const json& call) {
        const std::string method = call["method"];
        ++calls[method];
        if (method == "eth_getLogs") log_queries.push_back(call["params"].dump());
        json out{{"jsonrpc", "2.0"}, {"id", call["id"]}};
        try {
            json result;
            try {
                result = chain.answer(method, call["params"]);
            } catch (const std::runtime_error& error) {
                if (!twists[node]) throw RpcFailure{-32000, error.what(), {}};
                result = json{{"unanswered", error.what()}};
            }
            if (twists[node]) twists[node](method, call["params"], result);
            if (result.is_object() && result.contains("unanswered")) {
                throw RpcFailure{-32000, result["unanswered"], {}};
            }
            out["result"] = std::move(result);
        } catch (const RpcFailure& failure) {
            out["error"] = {{"code", failure.code}, {"message", failure.message}};
            if (!failure.data.empty()) out["error"]["data"] = failure.data;
        }
        return out;
    }

    core::Expected<net::HttpResponse> serve(const net::HttpRequest& request) {
        const auto node = static_cast<std::size_t>(request.url[8] - '0');
        const json body = json::parse(request.body);
        json out;
        if (body.is_array()) {
            out = json::array();
            for (const json& call : body) out.push_back(serve_one(node, call));
        } else {
            out = serve_one(node, body);
        }
        net::HttpResponse response;
        response.status = 200;
        response.body = out.dump();
        return response;
    }

    std::unique_ptr<chains::ChainReader> reader_;
};

}  // namespace evm_bench
