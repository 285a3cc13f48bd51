#include "chains/evm/impl/rpc_params.hpp"

#include "chains/evm/logs.hpp"
#include "core/check.hpp"

#include <array>
#include <charconv>

namespace chains::evm::impl {
namespace {

std::string json_string(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 2);
    out += '"';
    out += text;
    out += '"';
    return out;
}

std::string contracts_and_topic(const ListedTokens& tokens) {
    std::string out = R"("address":[)";
    for (const ListedTokens::Entry& token : tokens.entries()) {
        if (out.back() != '[') out += ',';
        out += json_string(token.contract.hex0x());
    }
    out += R"(],"topics":[)";
    out += json_string(erc20_transfer_topic().hex0x());
    out += "]}]";
    return out;
}

std::string shape_json(const CallShape& shape) {
    std::string out = "{";
    if (!shape.from.empty()) out += R"("from":)" + json_string(shape.from.hex0x()) + ",";
    if (!shape.to.empty()) out += R"("to":)" + json_string(shape.to.hex0x()) + ",";
    if (!shape.value.is_zero())
        out += R"("value":)" + json_string(shape.value.hex_quantity()) + ",";
    out += R"("data":)" + json_string(core::to_hex0x(shape.data)) + "}";
    return out;
}

net::RpcCall account_call(const char* method, const core::Address& owner, std::string_view at) {
    return {method, "[" + json_string(owner.hex0x()) + "," + std::string{at} + "]"};
}

}  // namespace

std::string hex_number(std::uint64_t number) {
    std::array<char, 18> text{'0', 'x'};
    const auto [end, error] = std::to_chars(text.data() + 2, text.data() + text.size(), number, 16);
    CHECK(error == std::errc{});
    return {text.data(), end};
}

net::RpcCall call_chain_id() { return {"eth_chainId", "[]"}; }

net::RpcCall call_block(std::string_view block, bool with_transactions) {
    return {"eth_getBlockByNumber",
            "[" + json_string(block) + (with_transactions ? ",true]" : ",false]"), true};
}

net::RpcCall call_block_by_hash(const core::BlockHash& hash, bool with_transactions) {
    return {"eth_getBlockByHash",
            "[" + json_string(hash.hex0x()) + (with_transactions ? ",true]" : ",false]"), true};
}

net::RpcCall call_logs_of_block(const core::BlockHash& hash, const ListedTokens& tokens) {
    return {"eth_getLogs",
            R"([{"blockHash":)" + json_string(hash.hex0x()) + "," + contracts_and_topic(tokens)};
}

net::RpcCall call_logs_of_range(std::uint64_t first, std::uint64_t last,
                                const ListedTokens& tokens) {
    return {"eth_getLogs", R"([{"fromBlock":)" + json_string(hex_number(first)) + R"(,"toBlock":)" +
                               json_string(hex_number(last)) + "," + contracts_and_topic(tokens)};
}

net::RpcCall call_receipt(core::ByteView tx) {
    return {"eth_getTransactionReceipt", "[" + json_string(core::to_hex0x(tx)) + "]", true};
}

net::RpcCall call_block_receipts(const core::BlockHash& hash) {
    return {"eth_getBlockReceipts", "[" + json_string(hash.hex0x()) + "]", true};
}

net::RpcCall call_transaction(core::ByteView tx) {
    return {"eth_getTransactionByHash", "[" + json_string(core::to_hex0x(tx)) + "]", true};
}

std::string at_block(const core::BlockHash& hash) {
    return R"({"blockHash":)" + json_string(hash.hex0x()) + "}";
}

std::string at_tag(std::string_view tag) { return json_string(tag); }

net::RpcCall call_balance(const core::Address& owner, std::string_view at) {
    return account_call("eth_getBalance", owner, at);
}

net::RpcCall call_code(const core::Address& owner, std::string_view at) {
    return account_call("eth_getCode", owner, at);
}

net::RpcCall call_nonce(const core::Address& owner, std::string_view at) {
    return account_call("eth_getTransactionCount", owner, at);
}

net::RpcCall call_eth_call(const CallShape& shape, std::string_view at) {
    return {"eth_call", "[" + shape_json(shape) + "," + std::string{at} + "]"};
}

net::RpcCall call_estimate_gas(const CallShape& shape) {
    return {"eth_estimateGas", "[" + shape_json(shape) + "]"};
}

core::Address coin_moves() { return *core::Address::from_bytes(core::Bytes(20, 0xee)); }

net::RpcCall call_simulate(std::span<const CallShape> shapes, bool traces_coin) {
    std::string calls;
    for (const CallShape& shape : shapes) calls += (calls.empty() ? "" : ",") + shape_json(shape);
    return {"eth_simulateV1",
            R"([{"blockStateCalls":[{"calls":[)" + calls + R"(]}],)" +
                (traces_coin ? R"("traceTransfers":true,)" : "") + R"("validation":false},"latest"])"};
}

core::Bytes balances_init_code(std::span<const core::Address> addresses) {
    CHECK(addresses.size() <= kBalancesPerCall);
    // Stack of the loop: where the next address stands in the code, where its balance goes in
    // memory.
    static constexpr std::array<std::uint8_t, 43> kCode{
        0x60, 0x2b,        // PUSH1 43          the addresses start behind this code
        0x60, 0x20,        // PUSH1 32          the balances behind a scratch word
        0x5b,              // JUMPDEST (4)
        0x81, 0x38, 0x11,  // DUP2 CODESIZE GT  is there another address?
        0x15, 0x60, 0x23,  // ISZERO PUSH1 35
        0x57,              // JUMPI
        0x60, 0x14,        // PUSH1 20
        0x82,              // DUP3
        0x60, 0x0c,        // PUSH1 12
        0x39,              // CODECOPY          scratch = the address, left-padded
        0x60, 0x00, 0x51,  // PUSH1 0 MLOAD
        0x31,              // BALANCE
        0x81, 0x52,        // DUP2 MSTORE
        0x60, 0x20, 0x01,  // PUSH1 32 ADD
        0x90,              // SWAP1
        0x60, 0x14, 0x01,  // PUSH1 20 ADD
        0x90,              // SWAP1
        0x60, 0x04, 0x56,  // PUSH1 4 JUMP
        0x5b,              // JUMPDEST (35)
        0x60, 0x20, 0x90,  // PUSH1 32 SWAP1
        0x03,              // SUB               bytes written
        0x60, 0x20, 0xf3,  // PUSH1 32 RETURN
    };
    core::Bytes code{kCode.begin(), kCode.end()};
    code.reserve(code.size() + addresses.size() * kAddressSize);
    for (const core::Address& address : addresses) {
        CHECK(address.view().size() == kAddressSize);
        code.insert(code.end(), address.view().begin(), address.view().end());
    }
    return code;
}

}  // namespace chains::evm::impl
