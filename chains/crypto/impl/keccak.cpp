#include "chains/crypto/keccak.hpp"

#include <memory>

#include <botan/hash.h>

namespace chains::crypto {

Digest keccak256(core::ByteView data) { return keccak256({data}); }

Digest keccak256(std::initializer_list<core::ByteView> pieces) {
    // Making one costs three times as much as hashing an address; final() leaves it fresh.
    thread_local const std::unique_ptr<Botan::HashFunction> hasher =
        Botan::HashFunction::create_or_throw("Keccak-1600(256)");
    for (const core::ByteView piece : pieces) {
        if (!piece.empty()) hasher->update(piece.data(), piece.size());
    }
    Digest out;
    hasher->final(out.bytes.data());
    return out;
}

}  // namespace chains::crypto
