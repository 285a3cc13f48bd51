#include "chains/evm/receipts_root.hpp"

#include "chains/crypto/keccak.hpp"
#include "chains/evm/rlp.hpp"
#include "core/check.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace chains::evm {
namespace {

constexpr std::uint64_t kDepositType = 0x7E;
constexpr std::size_t kHashSize = 32;

struct TrieEntry {
    core::Bytes nibbles;
    core::ByteView value;
};

core::Bytes nibbles_of(core::ByteView key) {
    core::Bytes nibbles;
    nibbles.reserve(2 * key.size());
    for (const std::uint8_t byte : key) {
        nibbles.push_back(byte >> 4);
        nibbles.push_back(byte & 0x0F);
    }
    return nibbles;
}

//! Hex-prefix encoding: yellow paper, appendix C.
core::Bytes compact_path(core::ByteView nibbles, bool is_leaf) {
    const bool odd = nibbles.size() % 2 == 1;
    core::Bytes out;
    const unsigned flag = (is_leaf ? 0x20U : 0U) | (odd ? 0x10U : 0U);
    out.push_back(static_cast<std::uint8_t>(odd ? flag | nibbles.front() : flag));
    for (std::size_t i = odd ? 1 : 0; i < nibbles.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(nibbles[i] << 4 | nibbles[i + 1]));
    }
    return out;
}

core::Bytes reference_to(core::Bytes node) {
    if (node.size() < kHashSize) return node;
    return rlp_string(crypto::keccak256(node).view());
}

//! The node over entries that share their first `depth` nibbles, sorted.
core::Bytes trie_node(std::span<const TrieEntry> entries, std::size_t depth) {
    const core::ByteView first = entries.front().nibbles;
    if (entries.size() == 1) {
        const std::array<core::Bytes, 2> leaf{rlp_string(compact_path(first.subspan(depth), true)),
                                              rlp_string(entries.front().value)};
        return rlp_list(leaf);
    }
    const core::ByteView last = entries.back().nibbles;
    const auto parts = std::mismatch(first.begin(), first.end(), last.begin(), last.end());
    const auto shared = static_cast<std::size_t>(parts.first - first.begin());
    if (shared > depth) {
        const std::array<core::Bytes, 2> extension{
            rlp_string(compact_path(first.subspan(depth, shared - depth), false)),
            reference_to(trie_node(entries, shared))};
        return rlp_list(extension);
    }
    std::vector<core::Bytes> branch(17, rlp_string({}));
    for (std::size_t begin = 0; begin < entries.size();) {
        // No key is another's beginning: each has this nibble.
        const std::uint8_t nibble = entries[begin].nibbles[depth];
        std::size_t end = begin + 1;
        while (end < entries.size() && entries[end].nibbles[depth] == nibble) ++end;
        branch[nibble] = reference_to(trie_node(entries.subspan(begin, end - begin), depth + 1));
        begin = end;
    }
    return rlp_list(branch);
}

}  // namespace

core::Bytes encode_log(const core::Address& contract, std::span<const Bytes32> topics,
                       core::ByteView data) {
    std::vector<core::Bytes> words;
    words.reserve(topics.size());
    for (const Bytes32& topic : topics) words.push_back(rlp_string(topic.view()));
    const std::array<core::Bytes, 3> log{rlp_string(contract.view()), rlp_list(words),
                                         rlp_string(data)};
    return rlp_list(log);
}

core::Expected<core::Bytes> encode_receipt(const ReceiptParts& parts) {
    const bool is_deposit = parts.type == kDepositType;
    if (!is_ethereum_type(parts.type) && !is_deposit) {
        return core::Error{core::Errc::kUnsupported,
                           "a receipt of type " + std::to_string(parts.type)};
    }
    std::vector<core::Bytes> fields{rlp_number(parts.success ? 1 : 0),
                                    rlp_number(parts.cumulative_gas), rlp_string(parts.bloom),
                                    rlp_list(parts.logs)};
    // Before Canyon the deposit's nonce was told, but not committed to.
    if (is_deposit && parts.deposit_nonce && parts.deposit_version) {
        fields.push_back(rlp_number(*parts.deposit_nonce));
        fields.push_back(rlp_number(*parts.deposit_version));
    }
    core::Bytes body = rlp_list(fields);
    if (parts.type != 0) body.insert(body.begin(), static_cast<std::uint8_t>(parts.type));
    return body;
}

Bytes32 ordered_trie_root(std::span<const core::Bytes> values) {
    std::vector<TrieEntry> entries;
    entries.reserve(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        CHECK(!values[i].empty(), "an empty value is no entry of a trie");
        entries.push_back({nibbles_of(rlp_number(i)), values[i]});
    }
    std::sort(entries.begin(), entries.end(),
              [](const TrieEntry& a, const TrieEntry& b) { return a.nibbles < b.nibbles; });
    const core::Bytes root = entries.empty() ? rlp_string({}) : trie_node(entries, 0);
    return Bytes32{crypto::keccak256(root).bytes};
}

}  // namespace chains::evm
