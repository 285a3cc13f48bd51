#pragma once

#include "core/chain_types.hpp"
#include "tests/simulation/json_text.hpp"

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace simulation {

//! 0 is the native coin, n the n-th token of ChainOptions::tokens.
using Asset = std::uint32_t;
inline constexpr Asset kNative = 0;

//! One number of the chain's state.
struct StateKey {
    std::uint32_t what = 0;
    core::Address owner;
    core::Address other;

    static StateKey balance(Asset asset, const core::Address& owner) { return {asset, owner, {}}; }
    static StateKey allowance(Asset asset, const core::Address& owner,
                              const core::Address& spender) {
        return {asset | kAllowance, owner, spender};
    }
    static StateKey nonce(const core::Address& owner) { return {kNonce, owner, {}}; }

    friend bool operator==(const StateKey&, const StateKey&) = default;

  private:
    static constexpr std::uint32_t kAllowance = 0x8000'0000;
    static constexpr std::uint32_t kNonce = 0xFFFF'FFFF;
};

struct StateKeyHash {
    std::size_t operator()(const StateKey& key) const {
        const std::hash<core::Address> hash;
        return (hash(key.owner) ^ key.what) * 0x9E3779B97F4A7C15ULL ^ hash(key.other);
    }
};

//! What the virtual machine may look at.
struct StateSource {
    virtual ~StateSource() = default;
    virtual U256 get(const StateKey& key) const = 0;
};

struct StateChange {
    StateKey key;
    U256 value;
};

//! The state of the canonical chain at each of its heights: every number with its history. Never
//! iterated over, so the order of its table does not matter.
class State final : public StateSource {
  public:
    //! As of the block that is open, or the last one.
    U256 get(const StateKey& key) const override;
    U256 get_at(const StateKey& key, std::uint64_t height) const;

    void open(std::uint64_t height) { height_ = height; }
    void set(const StateKey& key, const U256& value);
    //! What was set since open().
    std::vector<StateChange> close();
    //! Takes back the newest block, which set these.
    void undo(const std::vector<StateChange>& changes);

  private:
    struct Version {
        std::uint64_t height;
        U256 value;
    };
    std::unordered_map<StateKey, std::vector<Version>, StateKeyHash> histories_;
    std::vector<StateKey> written_;
    std::uint64_t height_ = 0;
};

}  // namespace simulation
