#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "core/bytes.hpp"
#include "core/expected.hpp"

namespace core {

//! A string with one meaning. Distinct tags never convert into each other.
template <class Tag>
class StrongString {
  public:
    StrongString() = default;
    explicit StrongString(std::string text) : text_{std::move(text)} {}
    const std::string& text() const { return text_; }
    bool empty() const { return text_.empty(); }
    friend bool operator==(const StrongString&, const StrongString&) = default;
    friend auto operator<=>(const StrongString&, const StrongString&) = default;

  private:
    std::string text_;
};

//! CAIP-2 chain id, "eip155:8453". https://chainagnostic.org/CAIPs/caip-2
class ChainId : public StrongString<struct ChainIdTag> {
  public:
    using StrongString::StrongString;
    //! namespace [-a-z0-9]{3,8}, reference [-_a-zA-Z0-9]{1,32}.
    static Expected<ChainId> from_text(std::string_view text);
    static ChainId eip155(std::uint64_t number);
    std::string_view name_space() const;
    std::string_view reference() const;
};

//! CAIP-19 asset id, "eip155:8453/erc20:0x833589fc…" (address in lower case) or ".../slip44:60" for
//! the native coin. https://chainagnostic.org/CAIPs/caip-19
class AssetId : public StrongString<struct AssetIdTag> {
  public:
    using StrongString::StrongString;
    static Expected<AssetId> from_text(std::string_view text);
    ChainId chain() const;
    //! "erc20", "slip44"
    std::string_view asset_namespace() const;
    std::string_view asset_reference() const;
    bool is_native() const { return asset_namespace() == "slip44"; }
};

//! 32 lower-case hex digits.
using SessionId = StrongString<struct SessionIdTag>;
//! A tenant: UUID.
using EnvironmentId = StrongString<struct EnvironmentIdTag>;

//! A number with one meaning.
template <class Tag>
struct StrongNumber {
    std::int64_t value = 0;
    friend bool operator==(const StrongNumber&, const StrongNumber&) = default;
    friend auto operator<=>(const StrongNumber&, const StrongNumber&) = default;
};

//! Also the BIP-32 child index of the receiver's address.
using ReceiverId = StrongNumber<struct ReceiverIdTag>;
using DepositId = StrongNumber<struct DepositIdTag>;
using PayoutId = StrongNumber<struct PayoutIdTag>;
using StepId = StrongNumber<struct StepIdTag>;
using AttemptId = StrongNumber<struct AttemptIdTag>;
//! Position of a fact in the one ordered stream of facts.
using FactSeq = StrongNumber<struct FactSeqTag>;

}  // namespace core

template <class Tag>
struct std::hash<core::StrongString<Tag>> {
    std::size_t operator()(const core::StrongString<Tag>& id) const {
        return std::hash<std::string>{}(id.text());
    }
};
template <>
struct std::hash<core::ChainId> : std::hash<core::StrongString<core::ChainIdTag>> {};
template <>
struct std::hash<core::AssetId> : std::hash<core::StrongString<core::AssetIdTag>> {};
