#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chains/evm/word.hpp"

namespace chains::evm {

// https://docs.soliditylang.org/en/latest/abi-spec.html

using Selector = std::array<std::uint8_t, 4>;

//! Of the canonical signature: "transfer(address,uint256)", no names, no spaces.
Selector selector(std::string_view signature);

//! One argument with as much of its type as its encoding depends on.
class AbiValue {
  public:
    static AbiValue address(const core::Address& address);
    static AbiValue number(const core::Units& value);
    static AbiValue number(std::uint64_t value);
    static AbiValue boolean(bool value);
    static AbiValue word(const Bytes32& value);
    //! bytes1 … bytes32: left-aligned. CHECKs the size.
    static AbiValue fixed_bytes(core::ByteView bytes);
    static AbiValue bytes(core::Bytes bytes);
    static AbiValue string(std::string_view utf8);
    //! T[]
    static AbiValue array(std::vector<AbiValue> items);
    //! T[n] and (T, U, …)
    static AbiValue tuple(std::vector<AbiValue> items);

  private:
    enum class Kind { kWord, kBytes, kArray, kTuple };
    explicit AbiValue(Kind kind) : kind_{kind} {}
    bool is_dynamic() const;
    void append_to(core::Bytes& out) const;
    static void append_sequence(core::Bytes& out, const std::vector<AbiValue>& items);
    friend core::Bytes encode_arguments(const std::vector<AbiValue>& arguments);

    Kind kind_;
    Bytes32 word_;
    core::Bytes bytes_;
    std::vector<AbiValue> items_;
};

core::Bytes encode_arguments(const std::vector<AbiValue>& arguments);
//! Selector and arguments: a transaction's data.
core::Bytes encode_call(std::string_view signature, const std::vector<AbiValue>& arguments);

//! Reads what a contract returned (or calldata behind its selector). The contract may be hostile:
//! every answer that is not of its form is kMalformed. `slot` counts 32-byte words from the start
//! of this tuple; a view into the data, which must outlive it.
class AbiReader {
  public:
    explicit AbiReader(core::ByteView data) : data_{data} {}

    core::Expected<Bytes32> word(std::size_t slot) const;
    core::Expected<core::Units> units(std::size_t slot) const;
    core::Expected<std::uint64_t> u64(std::size_t slot) const;
    core::Expected<core::Address> address(std::size_t slot) const;
    //! Exactly 0 or 1.
    core::Expected<bool> boolean(std::size_t slot) const;
    //! bytes, where the slot holds the offset.
    core::Expected<core::ByteView> bytes(std::size_t slot) const;
    //! string: valid UTF-8.
    core::Expected<std::string> string(std::size_t slot) const;
    //! T[] of one-word elements.
    core::Expected<std::vector<Bytes32>> words(std::size_t slot) const;
    //! T[] of dynamic tuples, such as the (bool,bytes)[] of Multicall3; one reader each.
    core::Expected<std::vector<AbiReader>> tuples(std::size_t slot) const;

  private:
    //! The data from the offset in the slot on, and the element count that stands there.
    struct Tail {
        core::ByteView body;
        std::size_t count;
    };
    core::Expected<Tail> tail(std::size_t slot) const;

    core::ByteView data_;
};

//! name() and symbol(): a string, or the zero-padded bytes32 of old tokens (MKR). Valid UTF-8.
core::Expected<std::string> decode_text(core::ByteView returned);

//! The text of Error(string); nothing for any other revert data.
std::optional<std::string> revert_reason(core::ByteView data);

}  // namespace chains::evm
