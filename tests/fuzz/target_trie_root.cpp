// The root of a block's receipts, against a trie that is grown key by key. First two bytes: how many
// values; then lengths and contents in turn.

#include "chains/crypto/keccak.hpp"
#include "chains/evm/receipts_root.hpp"
#include "tests/fuzz/target.hpp"

#include <array>
#include <memory>

namespace fuzz_trie_root {

using core::Bytes;

//! Path below this node to a value, or sixteen children. Extensions are found when it is hashed.
struct Node {
    std::array<std::unique_ptr<Node>, 16> children;
    Bytes value;
};

Bytes with_length(const Bytes& body, unsigned base) {
    Bytes out;
    Bytes digits;
    for (std::size_t rest = body.size(); rest != 0; rest /= 256) {
        digits.insert(digits.begin(), static_cast<std::uint8_t>(rest % 256));
    }
    const bool is_short = body.size() < 56;
    out.push_back(static_cast<std::uint8_t>(base + (is_short ? body.size() : 55 + digits.size())));
    if (!is_short) out.insert(out.end(), digits.begin(), digits.end());
    out.insert(out.end(), body.begin(), body.end());
    return out;
}

Bytes text(const Bytes& bytes) {
    return bytes.size() == 1 && bytes[0] < 0x80 ? bytes : with_length(bytes, 0x80);
}

Bytes join(const std::vector<Bytes>& items) {
    Bytes body;
    for (const Bytes& item : items) body.insert(body.end(), item.begin(), item.end());
    return with_length(body, 0xC0);
}

Bytes key_of(std::size_t index) {
    Bytes digits;
    for (std::size_t rest = index; rest != 0; rest /= 256) {
        digits.insert(digits.begin(), static_cast<std::uint8_t>(rest % 256));
    }
    return text(digits);
}

void insert(Node& root, const Bytes& key, Bytes value) {
    Node* at = &root;
    for (const std::uint8_t byte : key) {
        for (const int nibble : {byte / 16, byte % 16}) {
            auto& child = at->children[static_cast<std::size_t>(nibble)];
            if (!child) child = std::make_unique<Node>();
            at = child.get();
        }
    }
    at->value = std::move(value);
}

Bytes packed(const Bytes& path, bool is_leaf) {
    Bytes nibbles{static_cast<std::uint8_t>((is_leaf ? 2 : 0) + path.size() % 2)};
    if (path.size() % 2 == 0) nibbles.push_back(0);
    nibbles.insert(nibbles.end(), path.begin(), path.end());
    Bytes out;
    for (std::size_t i = 0; i < nibbles.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(nibbles[i] * 16 + nibbles[i + 1]));
    }
    return out;
}

//! Follows single children and collects their nibbles.
const Node& descend(const Node& from, Bytes& path) {
    const Node* at = &from;
    while (at->value.empty()) {
        const Node* only = nullptr;
        std::size_t count = 0;
        std::uint8_t nibble = 0;
        for (std::size_t i = 0; i < 16; ++i) {
            if (!at->children[i]) continue;
            only = at->children[i].get();
            nibble = static_cast<std::uint8_t>(i);
            ++count;
        }
        if (count != 1) return *at;
        path.push_back(nibble);
        at = only;
    }
    return *at;
}

Bytes encode(const Node& node);

Bytes reference(const Node& node) {
    const Bytes body = encode(node);
    if (body.size() < 32) return body;
    const auto hash = chains::crypto::keccak256(body);
    return text(Bytes(hash.bytes.begin(), hash.bytes.end()));
}

Bytes encode(const Node& node) {
    Bytes path;
    const Node& end = descend(node, path);
    if (!end.value.empty()) return join({text(packed(path, true)), text(end.value)});
    if (!path.empty()) return join({text(packed(path, false)), reference(end)});
    std::vector<Bytes> items;
    for (const auto& child : end.children) items.push_back(child ? reference(*child) : text({}));
    items.push_back(text({}));
    return join(items);
}

std::vector<Bytes> values_of(std::string_view input) {
    std::vector<Bytes> values;
    if (input.size() < 3) return values;
    const std::size_t count = static_cast<unsigned char>(input[0]) +
                              256U * (static_cast<unsigned char>(input[1]) & 1U);
    std::size_t at = 2;
    const auto next = [&] {
        at = at == input.size() ? 2 : at;
        return static_cast<std::uint8_t>(input[at++]);
    };
    for (std::size_t i = 0; i < count; ++i) {
        Bytes value(1 + next() % 70U);
        for (auto& byte : value) byte = next();
        values.push_back(std::move(value));
    }
    return values;
}

}  // namespace fuzz_trie_root

FUZZ_TARGET(trie_root) {
    using namespace fuzz_trie_root;
    const auto values = values_of(input);
    const auto root = chains::evm::ordered_trie_root(values);
    if (values.empty()) return MUST(root.bytes == chains::crypto::keccak256(text({})).bytes);
    Node naive;
    for (std::size_t i = 0; i < values.size(); ++i) insert(naive, key_of(i), values[i]);
    MUST(root.bytes == chains::crypto::keccak256(encode(naive)).bytes);
}
