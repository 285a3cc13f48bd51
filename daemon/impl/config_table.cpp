#include "daemon/impl/config_table.hpp"

namespace depositd {

namespace {

constexpr SectionSpec kSections[] = {
    {"server", false, "Where the HTTP API listens, and how much it takes."},
    {"storage", false, "The database file."},
    {"log", false, "What is written to standard error."},
    {"keys", false, "Where addresses and signatures come from."},
    {"limits", false, "Caps on money out. Passing one stops new signatures, nothing else."},
    {"webhooks", false, "How the owners of sessions are called back."},
    {"chain", true,
     "One chain to watch. Chains with a built-in profile need an id and endpoints only; every other "
     "key overrides the profile."},
    {"chain.endpoint", true,
     "A node of the chain above. Two of different operators or more: with one, a lie cannot be told "
     "from the truth, and payouts on a mainnet are refused unless allow_single_endpoint is set."},
    {"chain.token", true,
     "A token of the chain above. With none the profile's tokens are taken; with any, only these. "
     "Tokens that take a fee of transfers or rebase are refused.",
     false},
};

constexpr std::int64_t kDay_s = 86'400;
constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();

constexpr KeySpec kKeys[] = {
    {"server", "public_listen", KeyType::kListen, false, "\"127.0.0.1:8080\"", "",
     "IP and port of the API for clients. Put a TLS proxy in front before it leaves the host."},
    {"server", "operator_listen", KeyType::kListen, false, "\"127.0.0.1:9090\"", "",
     "IP and port for operators: /healthz, /readyz, /metrics and the command line's "
     "requests. Off the loopback interface it wants operator_token_file."},
    {"server", "operator_token_file", KeyType::kPath, false, "",
     "\"$CREDENTIALS_DIRECTORY/operator-token\"",
     "File with a token that /operator/ requests must carry. The probes and /metrics stay open."},
    {"server", "public_base_url", KeyType::kUrl, false, "", "\"https://pay.example.com\"",
     "How clients reach the API from outside, for links in answers. Without: http://public_listen."},
    {"server", "session_ttl_s", KeyType::kInteger, false, "3600", "",
     "How long a session waits for its payment when the caller does not say.", 60, 30 * kDay_s},
    {"server", "requests_per_second_per_ip", KeyType::kInteger, false, "50", "",
     "Sustained requests of one client address; 0 means no limit.", 0, 1'000'000},
    {"server", "request_burst_per_ip", KeyType::kInteger, false, "200", "",
     "Requests of one client address that may come at once.", 1, 1'000'000},
    {"server", "requests_per_second_per_key", KeyType::kInteger, false, "200", "",
     "Sustained requests with one API key, from wherever they come; 0 means no limit.", 0, 1'000'000},
    {"server", "request_burst_per_key", KeyType::kInteger, false, "1000", "",
     "Requests with one API key that may come at once.", 1, 1'000'000},
    {"server", "connections_max", KeyType::kInteger, false, "4096", "",
     "Open connections of both listeners together.", 8, 100'000},

    {"storage", "path", KeyType::kPath, false, "\"/var/lib/depositd/depositd.db\"", "",
     "The SQLite file. Its folder must be on a local disk and writable."},
    {"storage", "readers", KeyType::kInteger, false, "3", "", "Connections that only read.", 1, 32},

    {"log", "level", KeyType::kChoice, false, "\"info\"", "", "Least severe level that is written.",
     0, kAny, "debug|info|warn|error"},
    {"log", "format", KeyType::kChoice, false, "\"console\"", "",
     "console for people, json for one object per line.", 0, kAny, "console|json"},

    {"keys", "evm_account_xpub", KeyType::kText, false, "",
     "\"xpub6C…\"",
     "Account public key at m/44'/60'/0' from which receivers are derived; `depositd keys xpub` prints "
     "it. Without it, the mnemonic's own is used. With both they must belong together."},
    {"keys", "mnemonic_file", KeyType::kPath, false, "", "\"$CREDENTIALS_DIRECTORY/mnemonic\"",
     "File with the BIP-39 words. Nobody but its owner may read it; on a mainnet chain it has to be a "
     "systemd credential. Without it the daemon watches and pays nothing."},

    {"limits", "payout_whole_tokens_max", KeyType::kInteger, false, "", "10000",
     "Largest single payout in whole tokens; a larger one is held for an operator. Without: no cap.",
     1, kAny},
    {"limits", "max_fee_gwei", KeyType::kInteger, false, "500", "",
     "Most that is offered for gas on any chain, per unit of gas.", 1, 1'000'000},
    {"limits", "reconcile_s", KeyType::kInteger, false, "60", "",
     "How often a part of the balances is compared with the books of each chain: those of the daemon's own "
     "addresses, and of the next 200 addresses that hold something. A round over n addresses takes n / 200 "
     "times as long, 50 minutes for 10,000 addresses and 60 s. Money that is missing at two looks, and by "
     "the word of as many endpoints as make a payout final, halts payouts on its chain until it is "
     "acknowledged. 0: never.",
     0, kDay_s},
    {"limits", "allow_calls", KeyType::kBool, false, "false", "",
     "Deliver by calling the destination when a session has calldata (docs/CALLS.md). Whoever has an API key "
     "can then make the gas station pay for what a contract of theirs burns."},
    {"limits", "call_gas_max", KeyType::kInteger, false, "1000000", "",
     "Most gas that one such call may take; one that needs more is not made.", 50'000, 10'000'000},

    {"webhooks", "allow_private", KeyType::kBool, false, "false", "",
     "Also call http:// URLs, any port, and addresses of the own network. For development: whoever has an "
     "API key can then make the daemon talk to whatever it can reach."},
    {"webhooks", "timeout_s", KeyType::kInteger, false, "10", "",
     "How long a receiver may take for one answer.", 1, 60},
    {"webhooks", "retry_first_s", KeyType::kInteger, false, "60", "",
     "Pause after the first failed attempt; it doubles nine times and then stays.", 1, 3600},

    {"chain", "id", KeyType::kChain, true, "", "\"eip155:8453\"",
     "CAIP-2 id, or the number of an EVM chain."},
    {"chain", "name", KeyType::kText, false, "", "\"Base\"", "What the API calls the chain."},
    {"chain", "native_symbol", KeyType::kText, false, "", "\"ETH\"", "Symbol of the native coin."},
    {"chain", "explorer_url", KeyType::kUrl, false, "", "\"https://basescan.org\"",
     "Where the payer's page leads to with a transaction: this, /tx/ and its hash."},
    {"chain", "mainnet", KeyType::kBool, false, "", "true",
     "Real money moves here: stricter rules for keys and endpoints. Chains without a profile count as "
     "mainnet unless this says otherwise."},
    {"chain", "scan_native", KeyType::kBool, false, "", "true", "Look for deposits of the native coin."},
    {"chain", "poll_ms", KeyType::kInteger, false, "", "1000",
     "How often the head is asked for.", 20, 600'000},
    {"chain", "confirmations", KeyType::kInteger, false, "", "12",
     "Blocks on top of a deposit before it is credited, for every amount.", 0, 100'000},
    {"chain", "finalized_tag", KeyType::kBool, false, "", "true",
     "Credit only at or below the node's `finalized` block."},
    {"chain", "start_height", KeyType::kInteger, false, "", "30000000",
     "First block to read on the first start. One above the final block is lowered to it. Without: the final block, at most 64 below the head.", 0, kAny},
    {"chain", "quorum", KeyType::kInteger, false, "", "2",
     "Endpoints that must agree before a large deposit is credited.", 1, 16},
    {"chain", "allow_single_endpoint", KeyType::kBool, false, "false", "",
     "Pay out on a mainnet although one endpoint alone is believed."},
    {"chain", "max_fee_gwei", KeyType::kInteger, false, "", "50",
     "Overrides limits.max_fee_gwei on this chain.", 1, 1'000'000},

    {"chain.endpoint", "name", KeyType::kText, false, "", "\"first\"",
     "What logs and metrics call it. Without: rpc1, rpc2, …"},
    {"chain.endpoint", "url", KeyType::kUrl, true, "", "\"https://base.example.com\"",
     "JSON-RPC over HTTP. Never logged. $NAME is replaced from the environment; to keep a key out of "
     "this file use url = \"file:$CREDENTIALS_DIRECTORY/base-url\"."},
    {"chain.endpoint", "operator", KeyType::kText, false, "", "\"example\"",
     "Who runs it. Endpoints of one operator count once when agreement is asked for."},
    {"chain.endpoint", "rate_per_second", KeyType::kInteger, false, "0", "",
     "Calls per second that the provider allows; 0 means no limit.", 0, 1'000'000},
    {"chain.endpoint", "headers_file", KeyType::kPath, false, "",
     "\"$CREDENTIALS_DIRECTORY/base-headers\"",
     "File with one `Name: value` per line, sent with every call."},

    {"chain.token", "symbol", KeyType::kText, true, "", "\"USDC\"", "What people call it."},
    {"chain.token", "address", KeyType::kText, true, "",
     "\"0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913\"", "The contract; the only identity of a token."},
    {"chain.token", "decimals", KeyType::kInteger, true, "", "6",
     "As the contract says; `depositd doctor` compares.", 0, 36},
    {"chain.token", "stray_min", KeyType::kDecimal, false, "", "\"1\"",
     "Money that no session owns is returned from this many whole tokens on, below it is booked. Without: 1."},
    {"chain.token", "gasless", KeyType::kChoice, false, "\"none\"", "\"eip3009\"",
     "How it can be moved without gas on the receiver.", 0, kAny, "none|eip3009|eip2612"},
    {"chain.token", "fee_on_transfer", KeyType::kBool, false, "false", "",
     "Only false is accepted: what arrives must be what the transfer says."},
};

}  // namespace

std::span<const SectionSpec> config_sections() { return kSections; }
std::span<const KeySpec> config_keys() { return kKeys; }

const SectionSpec* find_section(std::string_view path) {
    for (const SectionSpec& section : kSections) {
        if (section.path == path) return &section;
    }
    return nullptr;
}

const KeySpec* find_key(std::string_view section, std::string_view key) {
    for (const KeySpec& spec : kKeys) {
        if (spec.section == section && spec.key == key) return &spec;
    }
    return nullptr;
}

std::string_view type_name(const KeySpec& spec) {
    switch (spec.type) {
        case KeyType::kText: return "text";
        case KeyType::kInteger: return "integer";
        case KeyType::kBool: return "true or false";
        case KeyType::kListen: return "\"ip:port\"";
        case KeyType::kPath: return "path";
        case KeyType::kUrl: return "URL";
        case KeyType::kDecimal: return "decimal text";
        case KeyType::kChain: return "text or integer";
        case KeyType::kChoice: return "choice";
    }
    return "";
}

}  // namespace depositd
