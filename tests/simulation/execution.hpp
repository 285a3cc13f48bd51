#pragma once

#include "chains/evm/word.hpp"
#include "tests/simulation/state.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace simulation {

//! What a token does with transfers from now on. Not part of the chain's state: no reorganisation
//! takes it back.
struct TokenBehaviour {
    bool paused = false;              //!< every transfer reverts
    bool returns_false = false;       //!< moves nothing and says false
    bool returns_nothing = false;     //!< moves, and returns no word
    std::set<core::Address> blocked;  //!< transfers from or to these revert
};

struct Token {
    std::string symbol;
    unsigned decimals = 6;
    core::Address contract;
    TokenBehaviour behaviour = {};
};

//! An account with code that is no token: it takes calls and coin, refuses both, or hands the coin on to
//! the address that is its data, as a wallet with several owners does.
struct Code {
    core::Bytes bytes;
    bool refuses = false;
    bool hands_on = false;
    std::uint64_t gas_extra = 10'000;
};

struct Contracts {
    std::vector<Token> tokens;  //!< asset n is tokens[n-1]
    std::map<core::Address, Code> others;

    Asset asset_at(const core::Address& contract) const;  //!< 0: no token
    const Token& token(Asset asset) const { return tokens[asset - 1]; }
};

struct Call {
    core::Address from;
    core::Address to;  //!< empty: creates a contract, which always reverts
    U256 value;
    core::ByteView data;
};

//! A Transfer or Approval log.
struct LogRecord {
    core::Address contract;
    core::Address a;
    core::Address b;
    U256 units;
    bool approval = false;
};

struct Move {
    Asset asset = kNative;
    core::Address from;
    core::Address to;
    U256 units;
};

//! What a call would do to the state; nothing when it fails.
struct Effects {
    bool success = true;
    std::string reason;  //!< of Error(string), when it failed
    std::uint64_t gas = 21'000;
    core::Bytes returned;
    std::vector<Move> moves;
    std::vector<LogRecord> logs;
    std::vector<StateChange> allowances;
};

inline constexpr std::uint64_t kTransferGas = 21'000;
inline constexpr std::uint64_t kTokenGas = 50'000;

//! Coin goes to any account, also with data. A token knows transfer, transferFrom, approve,
//! balanceOf, allowance, decimals, symbol and name; everything else, and coin sent to it, reverts.
//! Creating a contract reverts.
Effects run(const Contracts& contracts, const Call& call, const StateSource& state);

//! What the caller wants to move, whether it works or not: coin, or a token's transfer.
std::optional<Move> intent_of(const Contracts& contracts, const Call& call);

//! Error(string), what a node gives as the data of a revert.
core::Bytes revert_data(std::string_view reason);

//! keccak256 of "Transfer(address,address,uint256)" or "Approval(…)".
const chains::evm::Bytes32& topic_of(const LogRecord& log);

chains::evm::Bytes32 word_of(const U256& number);

}  // namespace simulation
