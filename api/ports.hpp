#pragma once

#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/task.hpp"
#include "core/units.hpp"
#include "db/types.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What the API needs of chains, watchers and settlement. The daemon wires these; the API sees
// nothing else of those rooms. All are called on the API's executor unless a line says otherwise,
// and outlive the handlers.
namespace api {

struct ChainFacts {
    core::ChainId id;
    std::uint64_t number = 0;  //!< "chainId" of the wire: 8453
    std::string name;          //!< "Base"
    std::string explorer_url = {};  //!< "https://basescan.org"; empty: none is known
};

struct TokenFacts {
    core::AssetId asset;
    std::string symbol;
    unsigned decimals = 0;
    //! As the chain writes it for people; the zero address for the native coin of an EVM chain.
    std::string address;
    //! Set when the token is known, but not accepted as a destination; says why.
    std::optional<std::string> refused;
};

//! The configured chains and tokens: they never change. Also called on the database's threads.
struct Chains {
    virtual ~Chains() = default;
    //! EVM chains, in the order of the configuration.
    virtual std::vector<ChainFacts> evm_chains() const = 0;
    virtual std::optional<ChainFacts> by_number(std::uint64_t number) const = 0;
    virtual std::optional<ChainFacts> by_id(const core::ChainId& chain) const = 0;
    //! kInvalid says what is wrong with it: length, digits, checksum.
    virtual core::Expected<core::Address> parse_address(const core::ChainId& chain,
                                                        std::string_view text) const = 0;
    virtual std::string format_address(const core::ChainId& chain,
                                       const core::Address& address) const = 0;
    virtual std::string format_tx(const core::ChainId& chain, const core::TxId& tx) const = 0;
    //! `contract`: the zero address means the native coin.
    virtual std::optional<TokenFacts> token_at(const core::ChainId& chain,
                                               const core::Address& contract) const = 0;
    virtual std::optional<TokenFacts> token(const core::AssetId& asset) const = 0;
    virtual std::vector<TokenFacts> tokens(const core::ChainId& chain) const = 0;
    //! May a destination be a contract that is called?
    virtual bool calls_allowed() const = 0;
    //! Longest data of a contract call.
    virtual std::size_t call_data_max() const = 0;
    //! The function that this data calls, when no receiver may ever call it: it moves the caller's
    //! tokens, or lets others move them.
    virtual std::optional<std::string> forbidden_function(core::ByteView data) const = 0;
};

//! The address of receiver `index`, from the account public key. Called on the database's writer
//! thread: must be safe there and must not block.
using ReceiverDeriver = std::function<core::Expected<core::Address>(std::uint32_t index)>;

//! Makes the watchers look sooner. A hint from a stranger: it must cost little, never change what
//! is true, and drop what comes too often. Returns at once.
struct Nudge {
    virtual ~Nudge() = default;
    //! `tx`: what the payer's wallet returned, unchecked text of any chain; empty: none.
    virtual void look(const core::SessionId& session, std::string_view tx) = 0;
};

//! What the wallets of strangers hold, to be shown: nothing of ours follows from it.
struct Wallets {
    virtual ~Wallets() = default;
    //! None when that cannot be told soon and cheaply: no node answers, or too much is asked. Costs
    //! the nodes little however often it is called, and one session leaves something for the
    //! others.
    virtual core::Task<std::optional<core::Units>> balance(core::AssetId asset, core::Address owner,
                                                           core::SessionId asked_by) = 0;
};

//! Addresses of the operator (gas station, treasury): never a destination, never refunded to.
struct OwnAddresses {
    virtual ~OwnAddresses() = default;
    virtual bool is_own(const core::Address& address) const = 0;
};

struct ComponentStatus {
    std::string name;  //!< "watcher eip155:8453"
    bool ready = false;
    std::string why;  //!< when not ready, what it waits for
};

//! What the operator's listener shows.
struct OperatorView {
    virtual ~OperatorView() = default;
    //! Chains whose payouts are stopped, with the reasons; or why that cannot be told.
    using Halts = core::Expected<std::vector<db::Halt>>;
    virtual std::vector<ComponentStatus> components(const Halts& halts) const = 0;
    //! Prometheus text format 0.0.4.
    virtual std::string metrics_text(const Halts& halts) const = 0;
};

//! What an operator may ask for that settlement and watchers do. Answers are shown as they are.
struct Operator {
    virtual ~Operator() = default;
    //! {"chain", "from", "to"} or {"tx"} or {"session"} → {"id", …}. kInvalid says what is wrong.
    virtual core::Task<core::Expected<nlohmann::json>> start_replay(nlohmann::json request) = 0;
    //! Progress: {"id", "chain", "from", "to", "at", "done", "found", "error"?}. kNotFound.
    virtual core::Task<core::Expected<nlohmann::json>> replay(std::string id) = 0;
    //! Lets a held payout go on. kNotFound; kRefused when it is not held.
    virtual core::Task<core::Expected<nlohmann::json>> resume_payout(core::PayoutId payout,
                                                                     std::string by) = 0;
};

}  // namespace api
