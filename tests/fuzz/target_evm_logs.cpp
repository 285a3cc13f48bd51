// The answer to eth_getLogs, and what a log says about money.

#include "chains/evm/logs.hpp"
#include "tests/fuzz/evm_inputs.hpp"

namespace fuzz_evm_logs {

using namespace chains::evm::impl;
using fuzz::json;
using fuzz::must_be_bytes;
using fuzz::must_be_quantity;

struct Keep final : LogSink {
    explicit Keep(std::size_t at_most) : most{at_most} {}
    core::Expected<core::Done> take(const LogLine& log) override {
        if (lines.size() == most) return core::Error{core::Errc::kReorged, "enough"};
        lines.push_back(log);
        data.emplace_back(log.data_hex);
        return core::Done{};
    }
    std::size_t most;
    std::vector<LogLine> lines;
    std::vector<std::string> data;
};

//! The strictest reading there is: exactly three topics, padded addresses, one word.
void check_transfer(const LogLine& log, std::string_view hex) {
    const auto data = core::from_hex(hex);
    if (!data) return;
    const auto topics = std::span{log.topics}.first(log.topic_count);
    const auto read = chains::evm::decode_erc20_transfer(topics, *data);
    if (!read) return;
    MUST(log.topic_count == 3 && data->size() == 32);
    MUST(log.topics[0] == chains::evm::erc20_transfer_topic());
    MUST(chains::evm::word_of(read->from) == log.topics[1]);
    MUST(chains::evm::word_of(read->to) == log.topics[2]);
    MUST(core::to_hex(read->value.big_endian()) == core::to_hex(*data));
}

void compare(const json& told, const LogLine& log, const std::string& data) {
    must_be_bytes(told, "address", log.contract);
    must_be_bytes(told, "blockHash", log.block_hash);
    must_be_bytes(told, "transactionHash", log.tx);
    must_be_quantity(told, "blockNumber", core::Units{log.height});
    must_be_quantity(told, "transactionIndex", core::Units{std::uint64_t{log.tx_index}});
    must_be_quantity(told, "logIndex", core::Units{std::uint64_t{log.log_index}});
    const json& topics = told["topics"];
    MUST(topics.is_array() && topics.size() == log.topic_count && log.topic_count <= 4);
    for (std::size_t i = 0; i < log.topic_count; ++i) {
        MUST(*chains::evm::Bytes32::from_hex(topics[i].get<std::string>()) == log.topics[i]);
    }
    MUST(log.removed == told.value("removed", json(false)));
    if (core::from_hex(data)) MUST(fuzz::text_of(told, "data") == data);
}

}  // namespace fuzz_evm_logs

FUZZ_TARGET(evm_logs) {
    using namespace fuzz_evm_logs;
    static Decoder decoder;
    const fuzz::Padded text{input};
    Keep all{1'000'000};
    const auto read = decoder.logs(text.view(), all);
    if (!read) MUST(fuzz::is_node_error(read.error().code));
    for (std::size_t i = 0; i < all.lines.size(); ++i) check_transfer(all.lines[i], all.data[i]);
    if (!all.lines.empty()) {
        Keep fewer{all.lines.size() - 1};
        const auto stopped = decoder.logs(text.view(), fewer);
        MUST(!stopped && stopped.error().code == core::Errc::kReorged);
        MUST(fewer.lines.size() + 1 == all.lines.size());
    }
    const json told = fuzz::loose(input);
    if (!read || told.is_discarded() || fuzz::shape_of(input).repeats) return;
    MUST(told.is_array() && told.size() == all.lines.size());
    for (std::size_t i = 0; i < told.size(); ++i) compare(told[i], all.lines[i], all.data[i]);
}
