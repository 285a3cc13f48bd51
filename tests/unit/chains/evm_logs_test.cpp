#include "chains/evm/logs.hpp"
#include "tests/unit/chains/vectors.hpp"

using namespace chains;
using test::Json;

namespace {

std::vector<evm::Bytes32> topics_of(const Json& log) {
    std::vector<evm::Bytes32> out;
    for (const Json& topic : log["topics"]) out.push_back(test::fixed<evm::Bytes32>(topic));
    return out;
}

bool is_erc20_transfer(const Json& vector) {
    return vector["event"] ==
           "event Transfer(address indexed from,address indexed to,uint256 value)";
}

bool is_malformed(const std::vector<evm::Bytes32>& topics, core::ByteView data) {
    const auto decoded = evm::decode_erc20_transfer(topics, data);
    return !decoded && decoded.error().code == core::Errc::kMalformed;
}

}  // namespace

TEST_CASE("transfer log: topics or data not exactly of their form -> malformed") {
    const Json log = test::load_vectors("evm_logs").at(0)["log"];
    const auto topics = topics_of(log);
    const core::Bytes data = test::bytes(log["data"]);
    REQUIRE(evm::decode_erc20_transfer(topics, data).has_value());

    REQUIRE(is_malformed({}, data));
    REQUIRE(is_malformed({topics[0], topics[1]}, data));
    REQUIRE(is_malformed({topics[0], topics[1], topics[2], topics[2]}, data));
    REQUIRE(is_malformed({topics[1], topics[1], topics[2]}, data));
    for (const std::size_t which : {1U, 2U}) {
        for (std::size_t at = 0; at < 12; ++at) {
            auto dirty = topics;
            dirty[which].bytes[at] = 1;
            INFO("topic " << which << ", byte " << at);
            REQUIRE(is_malformed(dirty, data));
        }
    }
    REQUIRE(is_malformed(topics, {}));
    REQUIRE(is_malformed(topics, core::ByteView{data}.first(31)));
    core::Bytes longer = data;
    longer.push_back(0);
    REQUIRE(is_malformed(topics, longer));
}

TEST_CASE("transfer log: known answers -> ERC-20 transfers read, every other event refused") {
    const Json vectors = test::load_vectors("evm_logs");
    std::size_t transfers = 0;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        INFO("vector " << i);
        const Json& vector = vectors[i];
        const auto topics = topics_of(vector["log"]);
        const core::Bytes data = test::bytes(vector["log"]["data"]);
        if (!is_erc20_transfer(vector)) {
            REQUIRE(is_malformed(topics, data));
            continue;
        }
        ++transfers;
        REQUIRE(evm::erc20_transfer_topic().hex0x() == test::text(vector["topic0"]));
        const auto transfer = evm::decode_erc20_transfer(topics, data).value();
        REQUIRE(transfer.from == test::address(vector["decoded"]["from"]));
        REQUIRE(transfer.to == test::address(vector["decoded"]["to"]));
        REQUIRE(transfer.value == test::units(vector["decoded"]["value"]));
    }
    REQUIRE(transfers > 0);
    REQUIRE(transfers < vectors.size());
}
