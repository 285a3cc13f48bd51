#include "net/rpc_error.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <span>

namespace net {

namespace {

using core::Errc;

struct Rule {
    std::string_view needle;  //!< lower case
    Errc code;
};

// First match wins: what a text says precisely stands before what it says loosely. Every line comes
// from a text seen in the field; tests/golden/rpc_errors.json holds the texts.
constexpr std::array kRules = {
    // The call itself failed on the chain.
    Rule{"execution reverted", Errc::kReverted},
    Rule{"vm execution error", Errc::kReverted},
    Rule{"always failing transaction", Errc::kReverted},
    Rule{"transaction simulation failed: blockhash not found", Errc::kRefused},
    Rule{"transaction simulation failed", Errc::kReverted},
    Rule{"invalid opcode", Errc::kReverted},
    // Not offered. Before "is not available", which its usual text contains.
    Rule{"does not exist/is not available", Errc::kUnsupported},
    Rule{"method not found", Errc::kUnsupported},
    Rule{"method not supported", Errc::kUnsupported},
    Rule{"unsupported method", Errc::kUnsupported},
    Rule{"method is not whitelisted", Errc::kUnsupported},
    Rule{"method is not supported", Errc::kUnsupported},
    Rule{"method is not available", Errc::kUnsupported},
    Rule{"transaction history is not available from this node", Errc::kUnsupported},
    // Does not know. Before the caps: "block range extends beyond current head block".
    Rule{"beyond current head", Errc::kNotReady},
    Rule{"after last accepted block", Errc::kNotReady},
    Rule{"unfinalized data", Errc::kNotReady},
    Rule{"unknown block", Errc::kNotReady},
    Rule{"header not found", Errc::kNotReady},
    Rule{"header for hash not found", Errc::kNotReady},
    Rule{"block not found", Errc::kNotReady},
    Rule{"could not find block", Errc::kNotReady},
    Rule{"cannot find block", Errc::kNotReady},
    Rule{"block height is", Errc::kNotReady},
    Rule{"blockoutofrange", Errc::kNotReady},
    Rule{"missing trie node", Errc::kNotReady},
    Rule{"no state available", Errc::kNotReady},
    Rule{"state not available", Errc::kNotReady},
    Rule{"state is not available", Errc::kNotReady},
    Rule{"state histories haven't been fully indexed", Errc::kNotReady},
    Rule{"historical state", Errc::kNotReady},
    Rule{"no historical rpc", Errc::kNotReady},
    Rule{"prune", Errc::kNotReady},
    Rule{"pruning", Errc::kNotReady},
    Rule{"maximum proof window", Errc::kNotReady},
    Rule{"indexing is in progress", Errc::kNotReady},
    Rule{"syncing", Errc::kNotReady},
    Rule{"resource not found", Errc::kNotReady},
    Rule{"node is behind", Errc::kNotReady},
    Rule{"node is unhealthy", Errc::kNotReady},
    Rule{"not available for slot", Errc::kNotReady},
    Rule{"status not yet available", Errc::kNotReady},
    Rule{"was skipped", Errc::kNotReady},
    Rule{"cleaned up, does not exist on node", Errc::kNotReady},
    Rule{"long-term storage", Errc::kNotReady},
    Rule{"minimum context slot", Errc::kNotReady},
    // Of a batch, not of a range.
    Rule{"batch too large", Errc::kTooLarge},
    Rule{"batch size", Errc::kTooLarge},
    Rule{"batch limit", Errc::kTooLarge},
    Rule{"request entity too large", Errc::kTooLarge},
    // Slow down, where the text speaks of rates. Before the caps: both say "limit".
    Rule{"too many requests", Errc::kRateLimited},
    Rule{"rate limit", Errc::kRateLimited},
    Rule{"ratelimit", Errc::kRateLimited},
    Rule{"rate exceeded", Errc::kRateLimited},
    Rule{"request limit", Errc::kRateLimited},
    Rule{"requests limit", Errc::kRateLimited},
    Rule{"request count exceeded", Errc::kRateLimited},
    Rule{"per second", Errc::kRateLimited},
    Rule{"/sec", Errc::kRateLimited},
    Rule{"capacity limit", Errc::kRateLimited},
    Rule{"exceeded its throughput", Errc::kRateLimited},
    Rule{"frequency", Errc::kRateLimited},
    Rule{"throttl", Errc::kRateLimited},
    Rule{"quota", Errc::kRateLimited},
    Rule{"usage limit", Errc::kRateLimited},
    Rule{"max usage reached", Errc::kRateLimited},
    // Too much for one call.
    Rule{"response size exceeded", Errc::kSplit},
    Rule{"response size is larger", Errc::kSplit},
    Rule{"response size should not", Errc::kSplit},
    Rule{"response is too big", Errc::kSplit},
    Rule{"response too large", Errc::kSplit},
    Rule{"response exceeded", Errc::kSplit},
    Rule{"query returned more than", Errc::kSplit},
    Rule{"query timeout exceeded", Errc::kSplit},
    Rule{"query exceeds", Errc::kSplit},
    Rule{"exceeds limit of", Errc::kSplit},
    Rule{"exceed max addresses or topics", Errc::kSplit},
    Rule{"exceed maximum block range", Errc::kSplit},
    Rule{"exceeds the maximum block range", Errc::kSplit},
    Rule{"exceeds max block range", Errc::kSplit},
    Rule{"exceeds max results", Errc::kSplit},
    Rule{"maximum block range", Errc::kSplit},
    Rule{"maximum allowed number of requested blocks", Errc::kSplit},
    Rule{"maximum number of blocks", Errc::kSplit},
    Rule{"range is too", Errc::kSplit},
    Rule{"range too", Errc::kSplit},
    Rule{"range exceed", Errc::kSplit},
    Rule{"range limit", Errc::kSplit},
    Rule{"ranges over", Errc::kSplit},
    Rule{"range should work", Errc::kSplit},
    Rule{"is limited to", Errc::kSplit},
    Rule{"are limited to", Errc::kSplit},
    Rule{"limited to a", Errc::kSplit},
    Rule{"up to a", Errc::kSplit},
    Rule{"limit the query to", Errc::kSplit},
    Rule{"please limit the", Errc::kSplit},
    Rule{"requested too many blocks", Errc::kSplit},
    Rule{"too many blocks", Errc::kSplit},
    Rule{"too many results", Errc::kSplit},
    Rule{"too many logs", Errc::kSplit},
    // Credentials.
    Rule{"unauthorized", Errc::kUnauthorized},
    Rule{"api key", Errc::kUnauthorized},
    Rule{"apikey", Errc::kUnauthorized},
    Rule{"must be authenticated", Errc::kUnauthorized},
    Rule{"authentication", Errc::kUnauthorized},
    Rule{"project id", Errc::kUnauthorized},
    Rule{"access denied", Errc::kUnauthorized},
    Rule{"forbidden", Errc::kUnauthorized},
    // Understood, and no.
    Rule{"nonce too low", Errc::kRefused},
    Rule{"nonce too high", Errc::kRefused},
    Rule{"nonce has already been used", Errc::kRefused},
    Rule{"insufficient funds", Errc::kRefused},
    Rule{"underpriced", Errc::kRefused},
    Rule{"already known", Errc::kRefused},
    Rule{"alreadyknown", Errc::kRefused},
    Rule{"known transaction", Errc::kRefused},
    Rule{"already imported", Errc::kRefused},
    Rule{"already in mempool", Errc::kRefused},
    Rule{"already been processed", Errc::kRefused},
    Rule{"intrinsic gas too low", Errc::kRefused},
    Rule{"exceeds block gas limit", Errc::kRefused},
    Rule{"gas required exceeds", Errc::kReverted},
    Rule{"out of gas", Errc::kReverted},
    Rule{"less than block base fee", Errc::kRefused},
    Rule{"exceeds the configured cap", Errc::kRefused},
    Rule{"transaction type not supported", Errc::kRefused},
    Rule{"invalid sender", Errc::kRefused},
    Rule{"invalid signature", Errc::kRefused},
    Rule{"signature verification failure", Errc::kRefused},
    Rule{"invalid argument", Errc::kRefused},
    Rule{"invalid params", Errc::kRefused},
    Rule{"invalid block range", Errc::kRefused},
    Rule{"invalid request", Errc::kRefused},
    Rule{"invalid transaction", Errc::kRefused},
    Rule{"rlp:", Errc::kRefused},
    Rule{"parse error", Errc::kRefused},
    // Took too long over there; nothing says that less would help.
    Rule{"deadline exceeded", Errc::kTimeout},
    Rule{"timed out", Errc::kTimeout},
    Rule{"timeout", Errc::kTimeout},
};

std::string lower(std::string_view text) {
    std::string out{text.substr(0, 4096)};
    for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
}

std::optional<Errc> by_text(std::string_view lower_text) {
    for (const auto& rule : kRules) {
        if (lower_text.find(rule.needle) != std::string_view::npos) return rule.code;
    }
    return std::nullopt;
}

//! Reads a number, 0x… or decimal, off the front.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    const auto start = text.find_first_not_of(' ');
    if (start == std::string_view::npos) return std::nullopt;
    text.remove_prefix(start);
    const bool hex = text.starts_with("0x");
    if (hex) text.remove_prefix(2);
    std::uint64_t out = 0;
    const auto [end, ec] =
        std::from_chars(text.data(), text.data() + text.size(), out, hex ? 16 : 10);
    if (ec != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return out;
}

std::optional<HeightRange> take_range(std::string_view text, char separator) {
    const auto first = take_number(text);
    if (!first || !text.starts_with(separator)) return std::nullopt;
    text.remove_prefix(1);
    const auto last = take_number(text);
    if (!last || *last < *first) return std::nullopt;
    return HeightRange{*first, *last};
}

//! "… should work: [0xa, 0xb]" and "retry with the range 10-11".
std::optional<HeightRange> suggestion(std::string_view lower_text) {
    if (const auto at = lower_text.find('['); at != std::string_view::npos) {
        if (auto range = take_range(lower_text.substr(at + 1), ',')) return range;
    }
    constexpr std::string_view kRetry = "with the range ";
    if (const auto at = lower_text.find(kRetry); at != std::string_view::npos) {
        return take_range(lower_text.substr(at + kRetry.size()), '-');
    }
    return std::nullopt;
}

bool is_2xx(int status) { return status >= 200 && status < 300; }

}  // namespace

RpcVerdict classify_rpc_error(int http_status, std::int64_t rpc_code, std::string_view message) {
    const auto text = lower(message);
    const auto known = by_text(text);
    if (known == Errc::kSplit) return {Errc::kSplit, suggestion(text)};
    if (known) return {*known, std::nullopt};
    switch (rpc_code) {
        case 3: return {Errc::kReverted, std::nullopt};       // geth, with revert data
        case -32015: return {Errc::kReverted, std::nullopt};  // OpenEthereum, Nethermind
        case 429:
        case -32005: return {Errc::kRateLimited, std::nullopt};  // EIP-1474 "limit exceeded"
        case -32601: return {Errc::kUnsupported, std::nullopt};
        default: break;
    }
    if (is_2xx(http_status)) return {Errc::kUnreachable, std::nullopt};
    return {classify_http_status(http_status, {}), std::nullopt};
}

core::Errc classify_http_status(int http_status, std::string_view body) {
    if (is_2xx(http_status)) return Errc::kMalformed;
    // TronGrid answers 403 and 503 when it means 429.
    if (http_status == 403 || http_status == 503) {
        if (by_text(lower(body)) == Errc::kRateLimited) return Errc::kRateLimited;
    }
    switch (http_status) {
        case 401:
        case 402:
        case 403: return Errc::kUnauthorized;
        case 408:
        case 504:
        case 524: return Errc::kTimeout;
        case 413: return Errc::kTooLarge;
        case 429: return Errc::kRateLimited;
        case 400: return Errc::kMalformed;
        default: return Errc::kUnreachable;
    }
}

}  // namespace net
