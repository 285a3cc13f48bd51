#include "chains/evm/impl/decode_block.hpp"

#include "chains/evm/impl/header_hash.hpp"

#include <algorithm>

namespace chains::evm::impl {
namespace {

//! What a block object holds besides its header, on any chain we know of.
constexpr std::string_view kBeside[] = {"hash",        "size",   "totalDifficulty", "transactions",
                                        "withdrawals", "uncles", "author"};

//! The header's fields that only its hash needs. A chain without them, or with others, is no error
//! here: its header just can't be proven.
class HeaderReader {
  public:
    void take(std::string_view key, od::value& value) {
        if (key == "sha3Uncles") return word(0, value, header_.uncles);
        if (key == "miner") return address(1, value);
        if (key == "stateRoot") return word(2, value, header_.state_root);
        if (key == "transactionsRoot") return word(3, value, header_.transactions_root);
        if (key == "receiptsRoot") return word(4, value, header_.receipts_root);
        if (key == "difficulty") return difficulty(5, value);
        if (key == "gasLimit") return number(6, value, header_.gas_limit);
        if (key == "gasUsed") return number(7, value, header_.gas_used);
        if (key == "extraData") return extra(8, value);
        if (key == "mixHash") return word(9, value, header_.mix);
        if (key == "nonce") return seal(10, value);
        if (is_null(value)) return;
        if (key == "withdrawalsRoot") return word(11, value, header_.withdrawals_root.emplace());
        if (key == "blobGasUsed") return number(12, value, header_.blob_gas_used.emplace());
        if (key == "excessBlobGas") return number(13, value, header_.excess_blob_gas.emplace());
        if (key == "parentBeaconBlockRoot") return word(14, value, header_.beacon_root.emplace());
        if (key == "requestsHash") return word(15, value, header_.requests_hash.emplace());
        if (std::find(std::begin(kBeside), std::end(kBeside), key) == std::end(kBeside)) {
            unknown_field_ = true;
        }
    }

    //! Completes `head`.
    void prove(BlockHead& head) {
        header_.parent.bytes = head.ref.parent.bytes;
        header_.bloom = head.bloom;
        header_.height = head.ref.height;
        header_.timestamp = static_cast<std::uint64_t>(head.ref.mined_at.unix_seconds());
        header_.base_fee = head.base_fee;
        head.receipts_root = header_.receipts_root;
        constexpr unsigned kRequired = (1U << 11) - 1;
        const bool complete = !broken_ && (seen_ & kRequired) == kRequired;
        if (complete && header_hash(header_) == head.ref.hash) {
            head.proof = HeaderProof::kHash;
        } else {
            head.proof = unknown_field_ ? HeaderProof::kUnknownForm : HeaderProof::kWrong;
        }
    }

  private:
    void mark(unsigned bit, bool good) {
        broken_ = broken_ || !good || (seen_ & (1U << bit)) != 0;
        seen_ |= 1U << bit;
    }
    static std::string_view text_of(od::value& value) {
        std::string_view raw = token_of(value);
        if (raw.size() < 4 || raw.front() != '"' || raw.back() != '"') return {};
        return raw.substr(1, raw.size() - 2);
    }
    void word(unsigned bit, od::value& value, Bytes32& out) {
        mark(bit, core::read_hex(text_of(value), out.bytes));
    }
    void address(unsigned bit, od::value& value) {
        std::array<std::uint8_t, kAddressSize> bytes{};
        mark(bit, core::read_hex(text_of(value), bytes));
        header_.miner = *core::Address::from_bytes(bytes);
    }
    void difficulty(unsigned bit, od::value& value) {
        const auto units = core::Units::from_hex_quantity(text_of(value));
        mark(bit, units.has_value());
        if (units) header_.difficulty = *units;
    }
    void number(unsigned bit, od::value& value, std::uint64_t& out) {
        const auto units = core::Units::from_hex_quantity(text_of(value));
        const auto small = units ? units->to_u64() : core::Expected<std::uint64_t>{};
        mark(bit, small.has_value());
        if (small) out = *small;
    }
    void extra(unsigned bit, od::value& value) {
        const std::string_view text = text_of(value);
        auto bytes = core::from_hex(text);
        mark(bit, !text.empty() && bytes.has_value());
        if (bytes) header_.extra = std::move(*bytes);
    }
    void seal(unsigned bit, od::value& value) {
        mark(bit, core::read_hex(text_of(value), header_.nonce));
    }

    HeaderFields header_;
    unsigned seen_ = 0;
    bool broken_ = false;
    bool unknown_field_ = false;
};

void read_transactions(od::value& list, BlockBody& body, const WatchFilter& filter) {
    for (auto element : list.get_array()) {
        TxLine tx = read_tx(element.get_object());
        tx.index = static_cast<std::uint32_t>(body.tx_hashes.size());
        body.tx_hashes.push_back(tx.hash);
        const bool pays_us = !tx.value.is_zero() && !tx.to.empty() && filter.is_ours(tx.to);
        if (pays_us || filter.is_ours(tx.from)) body.wanted.push_back(std::move(tx));
    }
    // One payment told twice would be two deposits of one name.
    std::vector<Bytes32> sorted = body.tx_hashes;
    std::sort(sorted.begin(), sorted.end());
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
        throw BadField{"a block with a transaction twice"};
    }
}

}  // namespace

TxLine read_tx(od::object object) {
    TxLine tx;
    Seen seen;
    for (auto field : object) {
        const std::string_view key = field.unescaped_key();
        od::value value = field.value();
        if (key == "hash") {
            seen.mark(0, key);
            tx.hash = fixed_of<Bytes32>(value, "hash");
        } else if (key == "from") {
            seen.mark(1, key);
            tx.from = address_field(value, "from");
        } else if (key == "value") {
            seen.mark(2, key);
            tx.value = units_field(value, "value");
        } else if (key == "nonce") {
            seen.mark(3, key);
            tx.nonce = u64_field(value, "nonce");
        } else if (key == "to") {
            seen.mark(4, key);
            if (!is_null(value)) tx.to = address_field(value, "to");
        } else if (key == "transactionIndex") {
            seen.mark(5, key);
            if (!is_null(value)) tx.index = u32_field(value, "transactionIndex");
        } else if (key == "blockHash") {
            seen.mark(6, key);
            if (!is_null(value)) tx.block_hash = fixed_of<Bytes32>(value, "blockHash");
        }
    }
    seen.need(4, "a transaction lacks a field");
    return tx;
}

BlockBody read_block(od::object object, const WatchFilter* filter) {
    BlockBody body;
    HeaderReader header;
    Seen seen;
    for (auto field : object) {
        const std::string_view key = field.unescaped_key();
        od::value value = field.value();
        if (key == "number") {
            seen.mark(0, key);
            body.head.ref.height = u64_field(value, "number");
        } else if (key == "hash") {
            seen.mark(1, key);
            body.head.ref.hash = fixed_of<core::BlockHash>(value, "hash");
        } else if (key == "parentHash") {
            seen.mark(2, key);
            body.head.ref.parent = fixed_of<core::BlockHash>(value, "parentHash");
        } else if (key == "timestamp") {
            seen.mark(3, key);
            const std::uint64_t seconds = u64_field(value, "timestamp");
            if (seconds > (1ULL << 40)) throw BadField{"timestamp"};
            body.head.ref.mined_at =
                core::Instant::from_unix_seconds(static_cast<std::int64_t>(seconds));
        } else if (key == "logsBloom") {
            seen.mark(4, key);
            body.head.bloom = fixed_of<Bloom>(value, "logsBloom");
        } else if (key == "transactions") {
            seen.mark(5, key);
            if (filter != nullptr) read_transactions(value, body, *filter);
        } else if (key == "baseFeePerGas") {
            seen.mark(6, key);
            if (!is_null(value)) body.head.base_fee = units_field(value, "baseFeePerGas");
        } else {
            header.take(key, value);
        }
    }
    seen.need(6, "a block lacks a field");
    // A genesis block may have no time. Of any other, zero would mean that its time is not asked about.
    const core::BlockRef& ref = body.head.ref;
    if (ref.height != 0 && ref.mined_at == core::Instant{}) throw BadField{"timestamp"};
    header.prove(body.head);
    return body;
}

}  // namespace chains::evm::impl
