#include "chains/evm/impl/send_text.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace chains::evm::impl {
namespace {

struct Pattern {
    std::string_view text;  //!< lower case
    SendOutcome outcome;
};

// geth, erigon, nethermind, besu, reth, bor, anvil, hardhat, ganache and providers in front of
// them. The first hit counts, so the special stands before the general.
constexpr std::array kPatterns{
    Pattern{"unknown transaction", SendOutcome::kRefused},
    Pattern{"already known", SendOutcome::kAccepted},
    Pattern{"alreadyknown", SendOutcome::kAccepted},
    Pattern{"known transaction", SendOutcome::kAccepted},
    Pattern{"same hash was already imported", SendOutcome::kAccepted},
    Pattern{"already imported", SendOutcome::kAccepted},
    Pattern{"already in mempool", SendOutcome::kAccepted},
    Pattern{"already in the mempool", SendOutcome::kAccepted},
    Pattern{"already exists in the mempool", SendOutcome::kAccepted},
    Pattern{"already in pool", SendOutcome::kAccepted},
    Pattern{"already in the pool", SendOutcome::kAccepted},
    Pattern{"already in cache", SendOutcome::kAccepted},
    Pattern{"transaction already exists", SendOutcome::kAccepted},
    Pattern{"nonce too far in the future", SendOutcome::kUnclear},
    Pattern{"exceeds next nonce", SendOutcome::kUnclear},
    Pattern{"nonce too high", SendOutcome::kUnclear},
    Pattern{"tx-nonce-too-high", SendOutcome::kUnclear},
    Pattern{"nonce is too high", SendOutcome::kUnclear},
    Pattern{"nonce gap", SendOutcome::kUnclear},
    Pattern{"gapped-nonce", SendOutcome::kUnclear},
    Pattern{"txpool is full", SendOutcome::kUnclear},
    Pattern{"transaction pool is full", SendOutcome::kUnclear},
    Pattern{"in-flight transaction limit", SendOutcome::kUnclear},
    Pattern{"authority already reserved", SendOutcome::kUnclear},
    Pattern{"account limit exceeded", SendOutcome::kUnclear},
    Pattern{"nonce too low", SendOutcome::kNonceTaken},
    Pattern{"nonce is too low", SendOutcome::kNonceTaken},
    Pattern{"oldnonce", SendOutcome::kNonceTaken},
    Pattern{"old nonce", SendOutcome::kNonceTaken},
    Pattern{"nonce has already been used", SendOutcome::kNonceTaken},
    Pattern{"nonce already used", SendOutcome::kNonceTaken},
    Pattern{"below the current nonce", SendOutcome::kNonceTaken},
    Pattern{"lower than the current nonce", SendOutcome::kNonceTaken},
    Pattern{"underpriced", SendOutcome::kUnderpriced},
    Pattern{"could not replace existing", SendOutcome::kUnderpriced},
    Pattern{"fee too low", SendOutcome::kUnderpriced},
    Pattern{"feetoolow", SendOutcome::kUnderpriced},
    Pattern{"gas price too low", SendOutcome::kUnderpriced},
    Pattern{"gasprice too low", SendOutcome::kUnderpriced},
    Pattern{"gas price below", SendOutcome::kUnderpriced},
    Pattern{"fee cap less than block base fee", SendOutcome::kUnderpriced},
    Pattern{"less than block base fee", SendOutcome::kUnderpriced},
    Pattern{"less than the block base fee", SendOutcome::kUnderpriced},
    Pattern{"below the minimum", SendOutcome::kUnderpriced},
    Pattern{"below configured minimum", SendOutcome::kUnderpriced},
    Pattern{"insufficient funds", SendOutcome::kUnaffordable},
    Pattern{"insufficientfunds", SendOutcome::kUnaffordable},
    Pattern{"insufficient balance", SendOutcome::kUnaffordable},
    Pattern{"upfront cost", SendOutcome::kUnaffordable},
    Pattern{"doesn't have enough funds", SendOutcome::kUnaffordable},
    Pattern{"does not have enough funds", SendOutcome::kUnaffordable},
    Pattern{"invalid sender", SendOutcome::kRefused},
    Pattern{"invalid chain id", SendOutcome::kRefused},
    Pattern{"incompatible eip155", SendOutcome::kRefused},
    Pattern{"exceeds block gas limit", SendOutcome::kRefused},
    Pattern{"intrinsic gas", SendOutcome::kRefused},
    Pattern{"type not supported", SendOutcome::kRefused},
    Pattern{"exceeds the configured cap", SendOutcome::kRefused},
    Pattern{"oversized data", SendOutcome::kRefused},
    Pattern{"higher than max fee", SendOutcome::kRefused},
    Pattern{"invalid signature", SendOutcome::kRefused},
    Pattern{"rlp:", SendOutcome::kRefused},
    Pattern{"typed transaction too short", SendOutcome::kRefused},
};

//! Smaller: rather this one, when endpoints differ.
int rank_of(SendOutcome outcome) {
    switch (outcome) {
        case SendOutcome::kAccepted: return 0;
        case SendOutcome::kNonceTaken: return 1;
        case SendOutcome::kUnderpriced: return 2;
        case SendOutcome::kUnaffordable: return 3;
        case SendOutcome::kUnclear: return 4;
        case SendOutcome::kRefused: return 5;
    }
    return 4;
}

}  // namespace

SendOutcome classify_send_text(std::string_view message) {
    std::string lower{message};
    std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    for (const Pattern& pattern : kPatterns) {
        if (lower.find(pattern.text) != std::string::npos) return pattern.outcome;
    }
    return SendOutcome::kUnclear;
}

SendReport merge_send_reports(std::span<const SendReport> reports) {
    SendReport merged{SendOutcome::kUnclear, "no endpoint answered"};
    if (reports.empty()) return merged;
    const auto by_rank = [](const SendReport& a, const SendReport& b) {
        return rank_of(a.outcome) < rank_of(b.outcome);
    };
    const auto [best, worst] = std::minmax_element(reports.begin(), reports.end(), by_rank);
    merged.outcome = best->outcome;
    merged.text = worst->text;
    return merged;
}

}  // namespace chains::evm::impl
