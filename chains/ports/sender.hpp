#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chains/ports/chain_info.hpp"
#include "chains/ports/signer.hpp"
#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"

namespace chains {

//! A listed token that left the sender in a transaction, or came to it.
struct TokenMove {
    core::AssetId asset;
    core::Address to;
    core::Units units;
    bool comes_in = false;  //!< to the sender; of coin, only this is told
    friend bool operator==(const TokenMove&, const TokenMove&) = default;
};

//! Answer to "would this transaction do what it says, now?"
struct Simulation {
    bool would_succeed = false;
    //! When it would not: the chain's own words, for people ("Blacklistable: account is blacklisted").
    std::string reason;
    //! Gas to allow when it would, with the chain's margin included. Always estimated, never 21,000.
    std::uint64_t gas_limit = 0;
    //! Of rehearse() alone: what would leave the sender, and what would come to it. Coin is told when the
    //! order is paid in coin.
    std::vector<TokenMove> moves;
};

//! What a token's contract says at one block.
struct Holding {
    core::Units balance;
    core::Units allowance;  //!< what one spender may take of it
};

//! What the nodes said to a transaction. None of these proves anything about its fate: only blocks do.
enum class SendOutcome : int {
    kAccepted = 1,      //!< at least one endpoint took it (or has it already)
    kUnclear = 2,       //!< lost reply, time-out, unknown text: look later
    kNonceTaken = 3,    //!< "nonce too low": some transaction with this nonce is mined; look which
    kUnderpriced = 4,   //!< replacement or pool minimum: raise the price
    kUnaffordable = 5,  //!< the sender lacks coin for gas and value
    kRefused = 6,       //!< other refusal; text kept
};

struct SendReport {
    SendOutcome outcome = SendOutcome::kUnclear;
    std::string text;  //!< of the least favourable answer, for the journal
};

//! What settlement may do on one chain. No call here changes what is on disk; every call has its own
//! deadline inside.
class TxSender {
  public:
    virtual ~TxSender() = default;

    virtual const ChainInfo& info() const = 0;

    //! Runs the order against the latest state of an endpoint whose head is at or above
    //! `at_least_height` (kNotReady when there is none). Transient failures are errors, and so is a
    //! node's refusal to run it (kNotReady); only the chain's own refusal is an answer, and where
    //! there is another endpoint, that one has to refuse it too (else kNoQuorum).
    virtual core::Task<core::Expected<Simulation>> simulate(TxOrder order,
                                                            std::uint64_t at_least_height = 0) = 0;

    //! Runs orders of one sender one after the other, and answers for the last as simulate() does, with
    //! all that would leave the sender or come to it; its gas is good for an estimate only. As many
    //! endpoints as the fate of a payout takes have to say the same, else kNoQuorum; kUnsupported where
    //! none can do it.
    virtual core::Task<core::Expected<Simulation>> rehearse(std::vector<TxOrder> orders,
                                                            std::uint64_t at_least_height) = 0;

    //! What `owner` holds of a token and `spender` may take of that, at exactly this block, by the word
    //! of as many endpoints as the fate of a payout takes.
    virtual core::Task<core::Expected<Holding>> holding(core::AssetId asset, core::Address owner,
                                                        core::Address spender, core::BlockRef at) = 0;

    //! What to offer now for quick inclusion, within the operator's cap. kHalted above the cap.
    virtual core::Task<core::Expected<GasPrice>> suggest_price() = 0;

    //! Native coin the sender must hold for fee and value of this transaction at worst, a rollup's L1
    //! part included.
    virtual core::Task<core::Expected<core::Units>> cost_max(UnsignedTx tx) = 0;

    //! At least 10 % above `price` in both parts and not below `suggested` (geth's replacement rule),
    //! or kHalted when that passes the operator's cap.
    virtual core::Expected<GasPrice> bump(const GasPrice& price, const GasPrice& suggested) const = 0;

    //! Transactions ever mined from this address, at the `finalized` (or deep enough) block. Where
    //! nodes have forgotten that state: the lowest of their latest counts, which may be above it.
    virtual core::Task<core::Expected<std::uint64_t>> nonce_final(core::Address sender) = 0;
    //! The same at the latest block.
    virtual core::Task<core::Expected<std::uint64_t>> nonce_latest(core::Address sender) = 0;

    //! Native coin of an address at the latest block, as one endpoint sees it.
    virtual core::Task<core::Expected<core::Units>> native_balance(core::Address owner) = 0;

    //! Has the address code (a contract or a delegated account)?
    virtual core::Task<core::Expected<bool>> has_code(core::Address address) = 0;

    //! Sends these exact bytes to every endpoint. Sending them again is harmless.
    virtual core::Task<core::Expected<SendReport>> send(core::Bytes raw) = 0;

    //! How many endpoints of how many needed are usable: payouts on a mainnet refuse a quorum of one
    //! unless the operator set it.
    virtual core::Expected<core::Done> ready_to_pay() const = 0;
};

}  // namespace chains
