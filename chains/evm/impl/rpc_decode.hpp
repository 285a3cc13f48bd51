#pragma once

#include "chains/evm/impl/bloom.hpp"
#include "chains/evm/word.hpp"
#include "chains/ports/reader.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chains::evm::impl {

//! Do the fields that came hash to the hash that came?
enum class HeaderProof {
    kWrong,        //!< no, although every field is one that Ethereum's headers have
    kUnknownForm,  //!< no, and there are fields we do not know
    kHash,         //!< yes
};

struct BlockHead {
    core::BlockRef ref;
    Bloom bloom;
    Bytes32 receipts_root;
    HeaderProof proof = HeaderProof::kWrong;
    std::optional<core::Units> base_fee;  //!< none before EIP-1559
};

struct TxLine {
    Bytes32 hash;
    std::uint32_t index = 0;
    core::Address from;
    core::Address to;  //!< empty: creates a contract
    core::Units value;
    std::uint64_t nonce = 0;
    Bytes32 block_hash;  //!< zero while pending

    friend bool operator==(const TxLine&, const TxLine&) = default;
};

struct BlockBody {
    BlockHead head;
    std::vector<Bytes32> tx_hashes;
    std::vector<TxLine> wanted;  //!< those from or to an address of ours
};

//! One log of an eth_getLogs answer; the views live until the next one.
struct LogLine {
    core::Address contract;
    std::array<Bytes32, 4> topics;
    std::size_t topic_count = 0;
    std::string_view data_hex;  //!< with 0x
    Bytes32 block_hash;
    std::uint64_t height = 0;
    Bytes32 tx;
    std::uint32_t tx_index = 0;
    std::uint32_t log_index = 0;
    bool removed = false;
};

struct LogSink {
    virtual ~LogSink() = default;
    virtual core::Expected<core::Done> take(const LogLine& log) = 0;
};

//! A log of a receipt that looks like an ERC-20 Transfer, whoever emitted it.
struct TransferLog {
    core::Address contract;
    std::uint32_t log_index = 0;
    core::Address from;
    core::Address to;
    core::Units units;
};

struct Receipt {
    Bytes32 tx;
    std::uint32_t tx_index = 0;
    Bytes32 block_hash;
    std::uint64_t height = 0;
    bool success = false;
    core::Units gas_used;
    core::Units gas_price;  //!< what was paid per gas
    core::Units l1_fee;
    std::optional<std::uint32_t> first_log;  //!< block-wide index of its first log
    std::uint32_t log_count = 0;
    std::vector<TransferLog> transfers;
    Bloom bloom;                //!< rebuilt from the logs that came, not the one the node claims
    bool logs_in_a_row = true;  //!< their numbers
    std::uint64_t type = 0;     //!< of EIP-2718
    core::Bytes consensus;      //!< as the block's receipts trie holds it; empty: form not known
};

struct FeeHistory {
    std::vector<core::Units> base_fees;  //!< the last one is the next block's
    std::vector<core::Units> rewards;    //!< one percentile per block
};

//! One call of an eth_simulateV1 answer.
struct SimulatedCall {
    bool success = false;
    core::Bytes returned;
    core::Units gas_used;
    std::vector<TransferLog> transfers;  //!< their numbers mean nothing
    std::string message;   //!< of the error, when it failed
    std::string data_hex;  //!< what it reverted with, "0x…"; empty when that is not told
};

//! Reads results of JSON-RPC calls. Every field this program relies on must be there once and of
//! its form, otherwise kMalformed; fields it does not know are skipped. `null` is kNotReady: the
//! node does not know (yet), which is never an absence (field failures 1, 27). The texts must have
//! net::kJsonPadding readable bytes behind them, as net::RpcReply::result() promises.
//! Keeps one parser's buffers: for one thread, and not across a suspension.
class Decoder {
  public:
    Decoder();
    ~Decoder();
    Decoder(Decoder&&) noexcept;
    Decoder& operator=(Decoder&&) noexcept;

    //! A header, whether the transactions are in it or not.
    core::Expected<BlockHead> head(std::string_view json);
    //! A block with full transactions.
    core::Expected<BlockBody> block(std::string_view json, const WatchFilter& filter);
    //! Stops at the first error of the sink.
    core::Expected<core::Done> logs(std::string_view json, LogSink& sink);
    core::Expected<Receipt> receipt(std::string_view json);
    core::Expected<std::vector<Receipt>> receipts(std::string_view json);
    core::Expected<TxLine> transaction(std::string_view json);
    core::Expected<FeeHistory> fee_history(std::string_view json);
    //! The calls of an answer with exactly one block.
    core::Expected<std::vector<SimulatedCall>> simulated_calls(std::string_view json);

    //! "0x1a"
    core::Expected<core::Units> quantity(std::string_view json);
    //! "0x…" of any even length
    core::Expected<core::Bytes> data(std::string_view json);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace chains::evm::impl
