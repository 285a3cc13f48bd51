#include "chains/evm/impl/rpc_decode.hpp"

#include "chains/evm/logs.hpp"
#include "net/http_client.hpp"

#include <simdjson.h>

namespace chains::evm::impl {
namespace {

namespace od = simdjson::ondemand;

//! Leaves through simdjson's exceptions, which never cross a public function of Decoder.
struct BadField {
    std::string_view what;
};

std::string_view token_of(od::value& value) {
    std::string_view raw = value.raw_json_token();
    while (!raw.empty() &&
           (raw.back() == ' ' || raw.back() == '\n' || raw.back() == '\r' || raw.back() == '\t')) {
        raw.remove_suffix(1);
    }
    return raw;
}

bool is_null(od::value& value) { return token_of(value) == "null"; }

//! Hex needs no unescaping: an escaped digit is nothing a node writes.
std::string_view hex_of(od::value& value, std::string_view what) {
    std::string_view raw = token_of(value);
    if (raw.size() < 4 || raw.front() != '"' || raw.back() != '"') throw BadField{what};
    raw = raw.substr(1, raw.size() - 2);
    if (!raw.starts_with("0x")) throw BadField{what};
    return raw;
}

template <class Fixed>
Fixed fixed_of(od::value& value, std::string_view what) {
    Fixed out;
    if (!core::read_hex(hex_of(value, what), out.bytes)) throw BadField{what};
    return out;
}

core::Address address_field(od::value& value, std::string_view what) {
    std::array<std::uint8_t, kAddressSize> bytes;
    if (!core::read_hex(hex_of(value, what), bytes)) throw BadField{what};
    return *core::Address::from_bytes(bytes);
}

core::Units units_field(od::value& value, std::string_view what) {
    const auto units = core::Units::from_hex_quantity(hex_of(value, what));
    if (!units) throw BadField{what};
    return *units;
}

std::uint64_t u64_field(od::value& value, std::string_view what) {
    const std::string_view digits = hex_of(value, what).substr(2);
    if (digits.empty() || digits.size() > 16) throw BadField{what};
    std::uint64_t number = 0;
    for (const char c : digits) {
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) throw BadField{what};
        number = number * 16 + static_cast<std::uint64_t>(digit);
    }
    return number;
}

std::uint32_t u32_field(od::value& value, std::string_view what) {
    const std::uint64_t number = u64_field(value, what);
    // 0xFFFFFFFF names a native transfer's position and must stay free.
    if (number >= 0xFFFFFFFFULL) throw BadField{what};
    return static_cast<std::uint32_t>(number);
}

//! Which fields of an object came: each once, all that are needed.
class Seen {
  public:
    void mark(unsigned bit, std::string_view what) {
        if ((bits_ & (1U << bit)) != 0) throw BadField{what};
        bits_ |= 1U << bit;
    }
    bool has(unsigned bit) const { return (bits_ & (1U << bit)) != 0; }
    void need(unsigned count, std::string_view what) const {
        const unsigned all = (1U << count) - 1;
        if ((bits_ & all) != all) throw BadField{what};
    }

  private:
    unsigned bits_ = 0;
};

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

void read_transactions(od::value& list, BlockBody& body, const WatchFilter& filter) {
    for (auto element : list.get_array()) {
        TxLine tx = read_tx(element.get_object());
        tx.index = static_cast<std::uint32_t>(body.tx_hashes.size());
        body.tx_hashes.push_back(tx.hash);
        const bool pays_us = !tx.value.is_zero() && !tx.to.empty() && filter.is_ours(tx.to);
        if (pays_us || filter.is_ours(tx.from)) body.wanted.push_back(std::move(tx));
    }
}

//! `filter` null: the transactions are skipped.
BlockBody read_block(od::object object, const WatchFilter* filter) {
    BlockBody body;
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
        } else if (key == "baseFeePerGas" && !is_null(value)) {
            body.head.base_fee = units_field(value, "baseFeePerGas");
        }
    }
    seen.need(6, "a block lacks a field");
    return body;
}

void read_topics(od::value& list, LogLine& log) {
    log.topic_count = 0;
    for (auto element : list.get_array()) {
        if (log.topic_count == log.topics.size()) throw BadField{"topics"};
        od::value topic = element.value();
        log.topics[log.topic_count++] = fixed_of<Bytes32>(topic, "topics");
    }
}

void read_log(od::object object, LogLine& log) {
    Seen seen;
    log.removed = false;
    for (auto field : object) {
        const std::string_view key = field.unescaped_key();
        od::value value = field.value();
        if (key == "address") {
            seen.mark(0, key);
            log.contract = address_field(value, "address");
        } else if (key == "topics") {
            seen.mark(1, key);
            read_topics(value, log);
        } else if (key == "data") {
            seen.mark(2, key);
            const std::string_view raw = token_of(value);
            if (raw.size() < 4 || !raw.starts_with("\"0x")) throw BadField{"data"};
            log.data_hex = raw.substr(1, raw.size() - 2);
        } else if (key == "blockHash") {
            seen.mark(3, key);
            log.block_hash = fixed_of<Bytes32>(value, "blockHash");
        } else if (key == "blockNumber") {
            seen.mark(4, key);
            log.height = u64_field(value, "blockNumber");
        } else if (key == "transactionHash") {
            seen.mark(5, key);
            log.tx = fixed_of<Bytes32>(value, "transactionHash");
        } else if (key == "transactionIndex") {
            seen.mark(6, key);
            log.tx_index = u32_field(value, "transactionIndex");
        } else if (key == "logIndex") {
            seen.mark(7, key);
            log.log_index = u32_field(value, "logIndex");
        } else if (key == "removed") {
            seen.mark(8, key);
            const std::string_view raw = token_of(value);
            if (raw != "true" && raw != "false") throw BadField{"removed"};
            log.removed = raw == "true";
        }
    }
    seen.need(8, "a log lacks a field");
}

void keep_transfer(const LogLine& log, Receipt& receipt) {
    if (log.topic_count != 3 || log.topics[0] != erc20_transfer_topic()) return;
    std::array<std::uint8_t, 32> word;
    if (!core::read_hex(log.data_hex, word)) return;
    const auto transfer = decode_erc20_transfer(std::span{log.topics}.first(3), word);
    if (!transfer) return;
    receipt.transfers.push_back(
        {log.contract, log.log_index, transfer->from, transfer->to, transfer->value});
}

void read_receipt_logs(od::value& list, Receipt& receipt) {
    LogLine log;
    for (auto element : list.get_array()) {
        read_log(element.get_object(), log);
        if (log.removed) throw BadField{"removed"};
        if (!receipt.first_log || log.log_index < *receipt.first_log) {
            receipt.first_log = log.log_index;
        }
        ++receipt.log_count;
        receipt.bloom.add(log.contract.view());
        for (std::size_t i = 0; i < log.topic_count; ++i) receipt.bloom.add(log.topics[i].view());
        keep_transfer(log, receipt);
    }
}

Receipt read_receipt(od::object object) {
    Receipt receipt;
    Seen seen;
    for (auto field : object) {
        const std::string_view key = field.unescaped_key();
        od::value value = field.value();
        if (key == "transactionHash") {
            seen.mark(0, key);
            receipt.tx = fixed_of<Bytes32>(value, "transactionHash");
        } else if (key == "transactionIndex") {
            seen.mark(1, key);
            receipt.tx_index = u32_field(value, "transactionIndex");
        } else if (key == "blockHash") {
            seen.mark(2, key);
            receipt.block_hash = fixed_of<Bytes32>(value, "blockHash");
        } else if (key == "blockNumber") {
            seen.mark(3, key);
            receipt.height = u64_field(value, "blockNumber");
        } else if (key == "status") {
            seen.mark(4, key);
            const std::uint64_t status = u64_field(value, "status");
            if (status > 1) throw BadField{"status"};
            receipt.success = status == 1;
        } else if (key == "gasUsed") {
            seen.mark(5, key);
            receipt.gas_used = units_field(value, "gasUsed");
        } else if (key == "logs") {
            seen.mark(6, key);
            read_receipt_logs(value, receipt);
        } else if (key == "effectiveGasPrice") {
            seen.mark(7, key);
            if (!is_null(value)) receipt.gas_price = units_field(value, "effectiveGasPrice");
        } else if (key == "l1Fee") {
            seen.mark(8, key);
            if (!is_null(value)) receipt.l1_fee = units_field(value, "l1Fee");
        }
    }
    seen.need(7, "a receipt lacks a field");
    return receipt;
}

core::Error malformed(std::string_view what) {
    return {core::Errc::kMalformed, "the node's answer is not of its form: " + std::string{what}};
}

}  // namespace

struct Decoder::Impl {
    od::parser parser;

    //! Runs `read` on the document and turns every way to fail into kMalformed.
    template <class T, class Read>
    core::Expected<T> run(std::string_view json, Read read) {
        static_assert(net::kJsonPadding >= simdjson::SIMDJSON_PADDING);
        if (json.starts_with("null")) {
            return core::Error{core::Errc::kNotReady, "the node does not know it"};
        }
        try {
            od::document document = parser.iterate(simdjson::padded_string_view{
                json.data(), json.size(), json.size() + net::kJsonPadding});
            return read(document);
        } catch (const BadField& bad) {
            return malformed(bad.what);
        } catch (const simdjson::simdjson_error& error) {
            return malformed(error.what());
        }
    }
};

Decoder::Decoder() : impl_{std::make_unique<Impl>()} {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

core::Expected<BlockHead> Decoder::head(std::string_view json) {
    return impl_->run<BlockHead>(json, [](od::document& document) -> core::Expected<BlockHead> {
        return read_block(document.get_object(), nullptr).head;
    });
}

core::Expected<BlockBody> Decoder::block(std::string_view json, const WatchFilter& filter) {
    return impl_->run<BlockBody>(json, [&](od::document& document) -> core::Expected<BlockBody> {
        return read_block(document.get_object(), &filter);
    });
}

core::Expected<core::Done> Decoder::logs(std::string_view json, LogSink& sink) {
    return impl_->run<core::Done>(json, [&](od::document& document) -> core::Expected<core::Done> {
        LogLine log;
        for (auto element : document.get_array()) {
            read_log(element.get_object(), log);
            if (auto taken = sink.take(log); !taken) return taken.error();
        }
        return core::Done{};
    });
}

core::Expected<Receipt> Decoder::receipt(std::string_view json) {
    return impl_->run<Receipt>(json, [](od::document& document) -> core::Expected<Receipt> {
        return read_receipt(document.get_object());
    });
}

core::Expected<std::vector<Receipt>> Decoder::receipts(std::string_view json) {
    using List = std::vector<Receipt>;
    return impl_->run<List>(json, [](od::document& document) -> core::Expected<List> {
        List list;
        for (auto element : document.get_array()) {
            list.push_back(read_receipt(element.get_object()));
        }
        return list;
    });
}

core::Expected<TxLine> Decoder::transaction(std::string_view json) {
    return impl_->run<TxLine>(json, [](od::document& document) -> core::Expected<TxLine> {
        return read_tx(document.get_object());
    });
}

core::Expected<FeeHistory> Decoder::fee_history(std::string_view json) {
    return impl_->run<FeeHistory>(json, [](od::document& document) -> core::Expected<FeeHistory> {
        FeeHistory history;
        for (auto field : document.get_object()) {
            const std::string_view key = field.unescaped_key();
            od::value value = field.value();
            if (is_null(value)) continue;
            if (key == "baseFeePerGas") {
                for (auto element : value.get_array()) {
                    od::value fee = element.value();
                    history.base_fees.push_back(units_field(fee, "baseFeePerGas"));
                }
            } else if (key == "reward") {
                for (auto row : value.get_array()) {
                    for (auto element : row.get_array()) {
                        od::value fee = element.value();
                        history.rewards.push_back(units_field(fee, "reward"));
                    }
                }
            }
        }
        return history;
    });
}

core::Expected<core::Units> Decoder::quantity(std::string_view json) {
    if (json == "null") return core::Error{core::Errc::kNotReady, "the node does not know it"};
    if (json.size() < 5 || json.front() != '"' || json.back() != '"')
        return malformed("a quantity");
    auto units = core::Units::from_hex_quantity(json.substr(1, json.size() - 2));
    if (!units) return malformed("a quantity");
    return *units;
}

core::Expected<core::Bytes> Decoder::data(std::string_view json) {
    if (json == "null") return core::Error{core::Errc::kNotReady, "the node does not know it"};
    if (json.size() < 4 || !json.starts_with("\"0x") || json.back() != '"')
        return malformed("data");
    auto bytes = core::from_hex(json.substr(1, json.size() - 2));
    if (!bytes) return malformed("data");
    return *bytes;
}

}  // namespace chains::evm::impl
