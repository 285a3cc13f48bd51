#include "chains/evm/impl/rpc_decode.hpp"

#include "chains/evm/impl/decode_block.hpp"
#include "chains/evm/impl/json_fields.hpp"
#include "chains/evm/logs.hpp"
#include "chains/evm/receipts_root.hpp"
#include "net/http_client.hpp"

#include <algorithm>

#include <boost/circular_buffer.hpp>

namespace chains::evm::impl {
namespace {

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

//! The logs' encodings are what the receipts' trie holds.
std::vector<core::Bytes> read_receipt_logs(od::value& list, Receipt& receipt) {
    std::vector<core::Bytes> encodings;
    LogLine log;
    for (auto element : list.get_array()) {
        read_log(element.get_object(), log);
        if (log.removed) throw BadField{"removed"};
        if (!receipt.first_log || log.log_index < *receipt.first_log) {
            receipt.first_log = log.log_index;
        }
        receipt.logs_in_a_row =
            receipt.logs_in_a_row && log.log_index == *receipt.first_log + receipt.log_count;
        ++receipt.log_count;
        receipt.bloom.add(log.contract.view());
        for (std::size_t i = 0; i < log.topic_count; ++i) receipt.bloom.add(log.topics[i].view());
        keep_transfer(log, receipt);
        const auto data = core::from_hex(log.data_hex);
        if (!data) throw BadField{"data"};
        encodings.push_back(
            encode_log(log.contract, std::span{log.topics}.first(log.topic_count), *data));
    }
    return encodings;
}

//! Empty where the receipt has a form that we do not know.
core::Bytes consensus_form(const Receipt& receipt, const std::optional<std::uint64_t>& cumulative,
                           const std::vector<core::Bytes>& logs, ReceiptParts parts) {
    if (!cumulative) return {};
    parts.type = receipt.type;
    parts.success = receipt.success;
    parts.cumulative_gas = *cumulative;
    parts.bloom = receipt.bloom.bytes;
    parts.logs = logs;
    auto encoded = encode_receipt(parts);
    return encoded ? std::move(*encoded) : core::Bytes{};
}

Receipt read_receipt(od::object object) {
    Receipt receipt;
    ReceiptParts parts;
    std::optional<std::uint64_t> cumulative;
    std::vector<core::Bytes> logs;
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
            logs = read_receipt_logs(value, receipt);
        } else if (key == "effectiveGasPrice") {
            seen.mark(7, key);
            receipt.gas_price = units_field(value, "effectiveGasPrice");
        } else if (key == "l1Fee") {
            seen.mark(8, key);
            if (!is_null(value)) receipt.l1_fee = units_field(value, "l1Fee");
        } else if (key == "type") {
            seen.mark(9, key);
            if (!is_null(value)) receipt.type = u64_field(value, "type");
        } else if (key == "cumulativeGasUsed") {
            seen.mark(10, key);
            if (!is_null(value)) cumulative = u64_field(value, "cumulativeGasUsed");
        } else if (key == "depositNonce") {
            seen.mark(11, key);
            if (!is_null(value)) parts.deposit_nonce = u64_field(value, "depositNonce");
        } else if (key == "depositReceiptVersion") {
            seen.mark(12, key);
            if (!is_null(value)) parts.deposit_version = u64_field(value, "depositReceiptVersion");
        }
    }
    // Without the price an own transaction would seem to have cost nothing.
    seen.need(8, "a receipt lacks a field");
    receipt.consensus = consensus_form(receipt, cumulative, logs, parts);
    return receipt;
}

//! Nodes differ in the number and in where the reason is; none of it decides anything.
void read_call_error(od::value& error, SimulatedCall& call) {
    if (is_null(error)) return;
    for (auto field : error.get_object()) {
        const std::string_view key = field.unescaped_key();
        od::value value = field.value();
        if (key != "message" && key != "data") continue;
        if (is_null(value)) continue;
        const std::string_view text = value.get_string();
        (key == "message" ? call.message : call.data_hex) = std::string{text};
    }
}

//! Nodes say different things about the block of what was not mined: contract, topics and data are all
//! that is read.
void read_simulated_logs(od::value& list, SimulatedCall& call) {
    for (auto element : list.get_array()) {
        LogLine log;
        Seen seen;
        for (auto field : element.get_object()) {
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
                log.data_hex = hex_of(value, "data");
            }
        }
        seen.need(3, "a simulated log lacks a field");
        Receipt kept;
        keep_transfer(log, kept);
        call.transfers.insert(call.transfers.end(), kept.transfers.begin(), kept.transfers.end());
    }
}

SimulatedCall read_simulated_call(od::object object) {
    SimulatedCall call;
    Seen seen;
    for (auto field : object) {
        const std::string_view key = field.unescaped_key();
        od::value value = field.value();
        if (key == "status") {
            seen.mark(0, key);
            const std::uint64_t status = u64_field(value, "status");
            if (status > 1) throw BadField{"status"};
            call.success = status == 1;
        } else if (key == "returnData") {
            seen.mark(1, key);
            auto returned = core::from_hex(hex_of(value, "returnData"));
            if (!returned) throw BadField{"returnData"};
            call.returned = std::move(*returned);
        } else if (key == "gasUsed") {
            seen.mark(2, key);
            call.gas_used = units_field(value, "gasUsed");
        } else if (key == "logs") {
            seen.mark(3, key);
            read_simulated_logs(value, call);
        } else if (key == "error") {
            seen.mark(4, key);
            read_call_error(value, call);
        }
    }
    seen.need(call.success ? 4 : 3, "a simulated call lacks a field");
    if (!call.success && call.data_hex.size() <= 2 && !call.returned.empty()) {
        call.data_hex = core::to_hex0x(call.returned);
    }
    return call;
}

core::Error malformed(std::string_view what) {
    return {core::Errc::kMalformed, "the node's answer is not of its form: " + std::string{what}};
}

//! The last headers and their texts. Of one block endpoints mostly say the same to the last byte, and
//! they are asked for the final one again and again.
class HeadMemo {
  public:
    const BlockHead* find(std::string_view json) const {
        const auto known = std::ranges::find(known_, json, &Known::json);
        return known == known_.end() ? nullptr : &known->head;
    }
    void keep(std::string_view json, const BlockHead& head) {
        if (json.size() <= kTextMax) known_.push_back({std::string{json}, head});
    }

  private:
    //! A header with the hashes of 3,000 transactions. A node may pad its answers.
    static constexpr std::size_t kTextMax = 256 * 1'024;
    struct Known {
        std::string json;
        BlockHead head;
    };
    boost::circular_buffer<Known> known_{16};
};

}  // namespace

struct Decoder::Impl {
    od::parser parser;
    HeadMemo heads;

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
    if (const BlockHead* known = impl_->heads.find(json)) return *known;
    auto head = impl_->run<BlockHead>(json, [](od::document& document) -> core::Expected<BlockHead> {
        return read_block(document.get_object(), nullptr).head;
    });
    if (head) impl_->heads.keep(json, *head);
    return head;
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
        Seen seen;
        for (auto field : document.get_object()) {
            const std::string_view key = field.unescaped_key();
            od::value value = field.value();
            if (key == "baseFeePerGas") seen.mark(0, key);
            if (key == "reward") seen.mark(1, key);
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

core::Expected<std::vector<SimulatedCall>> Decoder::simulated_calls(std::string_view json) {
    using Calls = std::vector<SimulatedCall>;
    return impl_->run<Calls>(json, [](od::document& document) -> core::Expected<Calls> {
        Calls calls;
        std::size_t blocks = 0;
        for (auto element : document.get_array()) {
            if (++blocks > 1) throw BadField{"more than one block"};
            Seen seen;
            for (auto field : element.get_object()) {
                const std::string_view key = field.unescaped_key();
                od::value value = field.value();
                if (key != "calls") continue;
                seen.mark(0, key);
                for (auto call : value.get_array()) {
                    calls.push_back(read_simulated_call(call.get_object()));
                }
            }
            seen.need(1, "a simulated block lacks its calls");
        }
        return calls;
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
