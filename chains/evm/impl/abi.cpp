#include "chains/evm/abi.hpp"

#include <algorithm>

#include "chains/crypto/keccak.hpp"
#include "core/check.hpp"

namespace chains::evm {

namespace {

constexpr std::size_t kWord = Bytes32::kSize;

void append_word(core::Bytes& out, std::uint64_t value) {
    const Bytes32 word = word_of(core::Units{value});
    out.insert(out.end(), word.bytes.begin(), word.bytes.end());
}

}  // namespace

Selector selector(std::string_view signature) {
    const crypto::Digest hash = crypto::keccak256(core::bytes_of(signature));
    Selector out{};
    std::copy_n(hash.bytes.begin(), out.size(), out.begin());
    return out;
}

AbiValue AbiValue::word(const Bytes32& value) {
    AbiValue out{Kind::kWord};
    out.word_ = value;
    return out;
}

AbiValue AbiValue::address(const core::Address& address) { return word(word_of(address)); }
AbiValue AbiValue::number(const core::Units& value) { return word(word_of(value)); }
AbiValue AbiValue::number(std::uint64_t value) { return number(core::Units{value}); }
AbiValue AbiValue::boolean(bool value) { return number(std::uint64_t{value}); }

AbiValue AbiValue::fixed_bytes(core::ByteView bytes) {
    CHECK(!bytes.empty() && bytes.size() <= kWord);
    AbiValue out{Kind::kWord};
    std::copy(bytes.begin(), bytes.end(), out.word_.bytes.begin());
    return out;
}

AbiValue AbiValue::bytes(core::Bytes bytes) {
    AbiValue out{Kind::kBytes};
    out.bytes_ = std::move(bytes);
    return out;
}

AbiValue AbiValue::string(std::string_view utf8) {
    const core::ByteView view = core::bytes_of(utf8);
    return bytes(core::Bytes(view.begin(), view.end()));
}

AbiValue AbiValue::array(std::vector<AbiValue> items) {
    AbiValue out{Kind::kArray};
    out.items_ = std::move(items);
    return out;
}

AbiValue AbiValue::tuple(std::vector<AbiValue> items) {
    AbiValue out{Kind::kTuple};
    out.items_ = std::move(items);
    return out;
}

bool AbiValue::is_dynamic() const {
    if (kind_ == Kind::kTuple) {
        return std::any_of(items_.begin(), items_.end(),
                           [](const AbiValue& item) { return item.is_dynamic(); });
    }
    return kind_ != Kind::kWord;
}

void AbiValue::append_to(core::Bytes& out) const {
    switch (kind_) {
        case Kind::kWord:
            out.insert(out.end(), word_.bytes.begin(), word_.bytes.end());
            return;
        case Kind::kBytes:
            append_word(out, bytes_.size());
            out.insert(out.end(), bytes_.begin(), bytes_.end());
            out.resize(out.size() + (kWord - bytes_.size() % kWord) % kWord);
            return;
        case Kind::kArray:
            append_word(out, items_.size());
            append_sequence(out, items_);
            return;
        case Kind::kTuple:
            append_sequence(out, items_);
            return;
    }
}

void AbiValue::append_sequence(core::Bytes& out, const std::vector<AbiValue>& items) {
    std::vector<core::Bytes> bodies(items.size());
    std::size_t head_size = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
        items[i].append_to(bodies[i]);
        head_size += items[i].is_dynamic() ? kWord : bodies[i].size();
    }
    // Offsets count from the start of the heads.
    core::Bytes tails;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (items[i].is_dynamic()) append_word(out, head_size + tails.size());
        core::Bytes& part = items[i].is_dynamic() ? tails : out;
        part.insert(part.end(), bodies[i].begin(), bodies[i].end());
    }
    out.insert(out.end(), tails.begin(), tails.end());
}

core::Bytes encode_arguments(const std::vector<AbiValue>& arguments) {
    core::Bytes out;
    AbiValue::append_sequence(out, arguments);
    return out;
}

core::Bytes encode_call(std::string_view signature, const std::vector<AbiValue>& arguments) {
    const Selector chosen = selector(signature);
    core::Bytes out(chosen.begin(), chosen.end());
    const core::Bytes encoded = encode_arguments(arguments);
    out.insert(out.end(), encoded.begin(), encoded.end());
    return out;
}

}  // namespace chains::evm
