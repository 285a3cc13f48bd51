#include "chains/evm/impl/revert_text.hpp"
#include "chains/evm/impl/send_text.hpp"

#include <catch2/catch.hpp>

#include <array>

using chains::SendOutcome;
using chains::SendReport;
using chains::evm::impl::classify_send_text;
using chains::evm::impl::merge_send_reports;

TEST_CASE("send texts: what nodes say to a transaction -> a hint, unknown texts none [F35]",
          "[F35]") {
    struct Row {
        const char* text;
        SendOutcome outcome;
    };
    const auto row = GENERATE(values<Row>({
        {"already known", SendOutcome::kAccepted},
        {"ALREADY_EXISTS: already known", SendOutcome::kAccepted},
        {"AlreadyKnown", SendOutcome::kAccepted},
        {"known transaction: 0x1234", SendOutcome::kAccepted},
        {"Known transaction", SendOutcome::kAccepted},
        {"Transaction with the same hash was already imported.", SendOutcome::kAccepted},
        {"transaction already imported", SendOutcome::kAccepted},
        {"tx already in mempool", SendOutcome::kAccepted},
        {"unknown transaction", SendOutcome::kRefused},
        {"unknown transaction type", SendOutcome::kRefused},
        {"nonce too low", SendOutcome::kNonceTaken},
        {"nonce too low: next nonce 9, tx nonce 8", SendOutcome::kNonceTaken},
        {"Transaction nonce is too low. Try incrementing the nonce.", SendOutcome::kNonceTaken},
        {"OldNonce", SendOutcome::kNonceTaken},
        {"Nonce too low. Expected nonce to be 5 but got 4.", SendOutcome::kNonceTaken},
        {"nonce has already been used", SendOutcome::kNonceTaken},
        {"nonce too high", SendOutcome::kUnclear},
        {"nonce too far in the future", SendOutcome::kUnclear},
        {"the tx nonce exceeds next nonce", SendOutcome::kUnclear},
        {"tx-nonce-too-high", SendOutcome::kUnclear},
        {"gapped-nonce tx from delegated accounts", SendOutcome::kUnclear},
        {"in-flight transaction limit reached for delegated accounts", SendOutcome::kUnclear},
        {"txpool is full", SendOutcome::kUnclear},
        {"replacement transaction underpriced", SendOutcome::kUnderpriced},
        {"transaction underpriced: tip needed 1, tip permitted 0", SendOutcome::kUnderpriced},
        {"max fee per gas less than block base fee: address 0x1", SendOutcome::kUnderpriced},
        {"FeeTooLow, EffectivePriorityFeePerGas too low", SendOutcome::kUnderpriced},
        {"Transaction gas price too low", SendOutcome::kUnderpriced},
        {"insufficient funds for gas * price + value", SendOutcome::kUnaffordable},
        {"InsufficientFunds, Balance is 0 less than sending value", SendOutcome::kUnaffordable},
        {"Upfront cost exceeds account balance", SendOutcome::kUnaffordable},
        {"sender doesn't have enough funds to send tx", SendOutcome::kUnaffordable},
        {"intrinsic gas too low", SendOutcome::kRefused},
        {"invalid sender", SendOutcome::kRefused},
        {"exceeds block gas limit", SendOutcome::kRefused},
        {"tx fee (1.2 ether) exceeds the configured cap (1.0 ether)", SendOutcome::kRefused},
        {"", SendOutcome::kUnclear},
        {"internal error", SendOutcome::kUnclear},
        {"request timed out", SendOutcome::kUnclear},
    }));
    CAPTURE(row.text);
    CHECK(classify_send_text(row.text) == row.outcome);
}

TEST_CASE("send texts: endpoints differ -> the most hopeful outcome, the worst text") {
    const std::array mixed{SendReport{SendOutcome::kRefused, "no"},
                           SendReport{SendOutcome::kUnclear, "?"}};
    CHECK(merge_send_reports(mixed).outcome == SendOutcome::kUnclear);
    CHECK(merge_send_reports(mixed).text == "no");
    const std::array low{SendReport{SendOutcome::kUnclear, "?"},
                         SendReport{SendOutcome::kNonceTaken, "low"},
                         SendReport{SendOutcome::kUnderpriced, "cheap"}};
    CHECK(merge_send_reports(low).outcome == SendOutcome::kNonceTaken);
    CHECK(merge_send_reports({}).outcome == SendOutcome::kUnclear);
}

TEST_CASE("revert texts: a reason without a word -> what the node said") {
    const std::string empty = "0x08c379a0" + std::string(62, '0') + "20" + std::string(64, '0');
    CHECK(chains::evm::impl::revert_text({3, "execution reverted", empty}) == "execution reverted");
}

TEST_CASE("revert texts: a long text that is not UTF-8 -> cut, not emptied") {
    const std::string text(400, '\x9b');
    CHECK(chains::evm::impl::revert_text({3, text, ""}).size() >= 197);
}
