#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>

namespace simulation {

//! What a node can be made to say that is not so. "Targets" are the addresses given to
//! Node::set_targets; without any, everybody is one.
enum class Lie : std::size_t {
    kStaleHead,        //!< follows the chain no longer
    kFutureHead,       //!< blocks on top that nobody mined; each hashes right
    kEmptyLogs,        //!< no logs at all
    kLogSubset,        //!< no logs to targets
    kExtraLog,         //!< a transfer to a target, in a transaction that is really there
    kWrongAmount,      //!< a thousand times the tokens to targets, in logs and receipts
    kWrongToken,       //!< tokens to targets are another token, in logs and receipts
    kRemovedFlag,      //!< logs are marked as taken back
    kForgedReceipt,    //!< failed is good, good a thousand times the tokens; in receipts alone
    kPreconfirmation,  //!< a receipt for what waits, from a block that is not there
    kNullReceipt,      //!< knows no receipt
    kWrongBlockHash,   //!< logs and receipts name another block
    kFalseHash,        //!< a header that does not hash to its hash
    kFalseParent,      //!< a header that hashes right and names a parent that is none
    kNonceLow,
    kNonceHigh,
    kAlreadyKnown,      //!< says so to what is sent, and drops it
    kSwallow,           //!< takes what is sent, and drops it
    kRefuse,            //!< takes what is sent, and says that it does not
    kHighFee,           //!< a million times the price
    kBalance,           //!< twice as much and one more
    kFinalizedAhead,    //!< the head is final
    kGap,               //!< every third block is not there
    kOmitTransaction,   //!< what pays targets was never there
    kChainSwap,         //!< another chain's number
    kWrongValue,        //!< a thousand times the coin to targets, in blocks and transactions
    kExtraTransaction,  //!< coin to a target, in a block that is really there, with a receipt
    kLessValue,         //!< a thousandth of the coin to targets, in blocks and transactions
    kWrongFee,          //!< a thousand times the price that was paid for gas, in receipts
    // How it is said, whatever it is.
    kHtml,
    kTruncated,
    kTooManyRequests,
    kServerError,
    kEmptyBody,
};
inline constexpr std::size_t kLieCount = 34;
using Lies = std::bitset<kLieCount>;

std::string_view name_of(Lie lie);

}  // namespace simulation
