#include "tests/simulation/block.hpp"

#include "chains/crypto/keccak.hpp"
#include "chains/evm/receipts_root.hpp"
#include "core/check.hpp"

namespace simulation {
namespace {

using chains::evm::Bytes32;

Bytes32 word_from(std::string_view hex) {
    const auto word = Bytes32::from_hex(hex);
    CHECK(word.has_value());
    return *word;
}

//! Appends RLP items, then wraps them: the fields of a header, known to be longer than 255 bytes.
class HeaderText {
  public:
    HeaderText() {
        text_.reserve(720);
        text_.resize(3);
    }
    void bytes(core::ByteView bytes) {
        if (bytes.size() > 255) {
            text_.push_back(0xB9);
            text_.push_back(static_cast<std::uint8_t>(bytes.size() >> 8));
            text_.push_back(static_cast<std::uint8_t>(bytes.size() & 0xFF));
        } else {
            CHECK(bytes.size() <= 55 && bytes.size() != 1, "a header has no such field");
            text_.push_back(static_cast<std::uint8_t>(0x80 + bytes.size()));
        }
        text_.insert(text_.end(), bytes.begin(), bytes.end());
    }
    void number(std::uint64_t number) {
        std::array<std::uint8_t, 8> digits{};
        std::size_t size = 0;
        for (int shift = 56; shift >= 0; shift -= 8) {
            const auto byte = static_cast<std::uint8_t>(number >> shift);
            if (size > 0 || byte != 0) digits[size++] = byte;
        }
        if (size == 1 && digits[0] < 0x80) {
            text_.push_back(digits[0]);
            return;
        }
        text_.push_back(static_cast<std::uint8_t>(0x80 + size));
        text_.insert(text_.end(), digits.begin(), digits.begin() + static_cast<long>(size));
    }
    core::ByteView finish() {
        const std::size_t body = text_.size() - 3;
        CHECK(body > 255 && body < 65'536);
        text_[0] = 0xF9;
        text_[1] = static_cast<std::uint8_t>(body >> 8);
        text_[2] = static_cast<std::uint8_t>(body & 0xFF);
        return text_;
    }

  private:
    core::Bytes text_;
};

void add_item(Bloom& bloom, core::ByteView item) {
    const chains::crypto::Digest hash = chains::crypto::keccak256(item);
    for (std::size_t i = 0; i < 6; i += 2) {
        const unsigned bit = ((hash.bytes[i] & 7U) << 8) | hash.bytes[i + 1];
        std::uint8_t& byte = bloom[255 - bit / 8];
        byte = static_cast<std::uint8_t>(byte | (1U << (bit % 8)));
    }
}

}  // namespace

const std::vector<Included>& Block::txs() const {
    static const std::vector<Included> kNone;
    return body ? body->txs : kNone;
}

core::BlockHash hash_of(const Block& block, std::uint64_t gas_limit) {
    static const Bytes32 kUncles = word_from(kUnclesHex);
    static const Bytes32 kEmptyRoot = word_from(kEmptyRootHex);
    static const Bytes32 kRequests = word_from(kRequestsHex);
    static const Bytes32 kZero{};
    static const Bloom kNoBloom{};
    static const std::array<std::uint8_t, 20> kMiner{};
    static const std::array<std::uint8_t, 8> kSeal{};
    const std::array<std::uint8_t, 4> extra{static_cast<std::uint8_t>(block.branch >> 24),
                                            static_cast<std::uint8_t>(block.branch >> 16),
                                            static_cast<std::uint8_t>(block.branch >> 8),
                                            static_cast<std::uint8_t>(block.branch)};
    HeaderText text;
    text.bytes(block.parent.view());
    text.bytes(kUncles.view());
    text.bytes(kMiner);
    text.bytes(kZero.view());       // state
    text.bytes(kEmptyRoot.view());  // transactions
    text.bytes(block.receipts_root.view());
    text.bytes(block.body ? block.body->bloom : kNoBloom);
    text.number(0);  // difficulty
    text.number(block.height);
    text.number(gas_limit);
    text.number(block.gas_used);
    text.number(block.timestamp);
    text.bytes(extra);
    text.bytes(kZero.view());  // mix
    text.bytes(kSeal);
    text.number(block.base_fee);
    text.bytes(kEmptyRoot.view());  // withdrawals
    text.number(0);                 // blob gas used
    text.number(0);                 // excess blob gas
    text.bytes(kZero.view());       // beacon root
    text.bytes(kRequests.view());
    return core::BlockHash{chains::crypto::keccak256(text.finish()).bytes};
}

void add_to_bloom(Bloom& bloom, const LogRecord& log) {
    add_item(bloom, log.contract.view());
    add_item(bloom, topic_of(log).view());
    add_item(bloom, chains::evm::word_of(log.a).view());
    add_item(bloom, chains::evm::word_of(log.b).view());
}

Bloom bloom_of(const std::vector<LogRecord>& logs) {
    Bloom bloom{};
    for (const LogRecord& log : logs) add_to_bloom(bloom, log);
    return bloom;
}

Bytes32 receipts_root_of(const std::vector<Included>& txs,
                         const std::vector<std::uint64_t>& types) {
    std::vector<core::Bytes> receipts;
    receipts.reserve(txs.size());
    for (std::size_t i = 0; i < txs.size(); ++i) {
        std::vector<core::Bytes> logs;
        for (const LogRecord& log : txs[i].logs) {
            const std::array<Bytes32, 3> topics{topic_of(log), chains::evm::word_of(log.a),
                                                chains::evm::word_of(log.b)};
            logs.push_back(
                chains::evm::encode_log(log.contract, topics, word_of(log.units).view()));
        }
        const Bloom bloom = bloom_of(txs[i].logs);
        chains::evm::ReceiptParts parts;
        parts.type = types[i];
        parts.success = txs[i].success;
        parts.cumulative_gas = txs[i].gas_cumulative;
        parts.bloom = bloom;
        parts.logs = logs;
        const auto encoded = chains::evm::encode_receipt(parts);
        CHECK(encoded.has_value());
        receipts.push_back(*encoded);
    }
    return chains::evm::ordered_trie_root(receipts);
}

}  // namespace simulation
