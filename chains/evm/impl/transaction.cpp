#include "chains/evm/transaction.hpp"

#include "chains/crypto/keccak.hpp"
#include "chains/evm/address.hpp"
#include "chains/evm/rlp.hpp"
#include "core/check.hpp"

namespace chains::evm {

namespace {

using Items = std::vector<core::Bytes>;

constexpr std::uint8_t kDynamicFeeType = 0x02;
// EIP-155: v = chain id × 2 + 35 + parity.
constexpr std::uint64_t kReplayProtected = 35;

core::Bytes rlp_to(const std::optional<core::Address>& to) {
    if (!to) return rlp_string({});
    CHECK(to->view().size() == kAddressSize);
    return rlp_string(to->view());
}

core::Bytes rlp_access_list(const std::vector<AccessListEntry>& list) {
    Items entries;
    for (const AccessListEntry& entry : list) {
        CHECK(entry.address.view().size() == kAddressSize);
        Items keys;
        for (const Bytes32& key : entry.storage_keys) keys.push_back(rlp_string(key.view()));
        const core::Bytes pair[] = {rlp_string(entry.address.view()), rlp_list(keys)};
        entries.push_back(rlp_list(pair));
    }
    return rlp_list(entries);
}

Items items_of(const LegacyTransaction& tx) {
    return {rlp_number(tx.nonce), rlp_number(tx.gas_price), rlp_number(tx.gas_limit),
            rlp_to(tx.to),        rlp_number(tx.value),     rlp_string(tx.data)};
}

Items items_of(const DynamicFeeTransaction& tx) {
    return {rlp_number(tx.chain_id),         rlp_number(tx.nonce),
            rlp_number(tx.max_priority_fee_per_gas), rlp_number(tx.max_fee_per_gas),
            rlp_number(tx.gas_limit),        rlp_to(tx.to),
            rlp_number(tx.value),            rlp_string(tx.data),
            rlp_access_list(tx.access_list)};
}

core::Bytes rlp_integer(const std::array<std::uint8_t, 32>& big_endian) {
    return rlp_number(core::Units::from_big_endian(big_endian).value());
}

core::Bytes envelope(const Transaction& tx, const Items& items) {
    core::Bytes out = rlp_list(items);
    if (std::holds_alternative<DynamicFeeTransaction>(tx)) out.insert(out.begin(), kDynamicFeeType);
    return out;
}

core::Units v_of(std::uint64_t chain_id, std::uint8_t y_parity) {
    return core::Units{core::Units::Raw{chain_id} * 2 + kReplayProtected + y_parity};
}

// Reads the items one by one and keeps the first error, so that a layout reads like its definition.
class Fields {
  public:
    explicit Fields(const std::vector<RlpItem>& items) : items_{items} {}

    void read(std::uint64_t& out) { take(out, rlp_u64(next())); }
    void read(core::Units& out) { take(out, rlp_units(next())); }
    void read(core::Bytes& out) {
        const RlpItem& item = next();
        if (item.is_list) return fail(core::invalid("list where bytes belong"));
        out.assign(item.bytes.begin(), item.bytes.end());
    }
    void read(std::optional<core::Address>& out) {
        const RlpItem& item = next();
        if (!item.is_list && item.bytes.empty()) return;
        core::Address address;
        read_address(address, item);
        out = address;
    }
    void read(std::vector<AccessListEntry>& out) {
        const RlpItem& list = next();
        if (!list.is_list) return fail(core::invalid("access list is no list"));
        for (const RlpItem& pair : list.items) {
            if (!pair.is_list || pair.items.size() != 2 || !pair.items[1].is_list) {
                return fail(core::invalid("access list entry is no pair"));
            }
            AccessListEntry& entry = out.emplace_back();
            read_address(entry.address, pair.items[0]);
            for (const RlpItem& key : pair.items[1].items) {
                if (key.is_list) return fail(core::invalid("storage key is no string"));
                take(entry.storage_keys.emplace_back(), Bytes32::from_bytes(key.bytes));
            }
        }
    }
    const std::optional<core::Error>& error() const { return error_; }

  private:
    const RlpItem& next() { return items_[at_++]; }
    void fail(core::Error error) {
        if (!error_) error_ = std::move(error);
    }
    template <class T>
    void take(T& out, core::Expected<T> found) {
        if (found) {
            out = std::move(found.value());
        } else {
            fail(found.error());
        }
    }
    void read_address(core::Address& out, const RlpItem& item) {
        if (item.is_list || item.bytes.size() != kAddressSize) {
            return fail(core::invalid("address has not 20 bytes"));
        }
        take(out, core::Address::from_bytes(item.bytes));
    }

    const std::vector<RlpItem>& items_;
    std::size_t at_ = 0;
    std::optional<core::Error> error_;
};

struct Unpacked {
    Transaction tx;
    crypto::RecoverableSignature signature;
};

void read_scalars(Fields& fields, crypto::RecoverableSignature& signature) {
    core::Units r;
    core::Units s;
    fields.read(r);
    fields.read(s);
    signature.r = r.big_endian();
    signature.s = s.big_endian();
}

core::Expected<Unpacked> unpack_legacy(core::ByteView raw) {
    const auto list = rlp_decode(raw);
    if (!list) return list.error();
    if (list.value().items.size() != 9) return core::invalid("a legacy transaction has 9 fields");
    LegacyTransaction tx;
    crypto::RecoverableSignature signature;
    core::Units v;
    Fields fields{list.value().items};
    fields.read(tx.nonce);
    fields.read(tx.gas_price);
    fields.read(tx.gas_limit);
    fields.read(tx.to);
    fields.read(tx.value);
    fields.read(tx.data);
    fields.read(v);
    read_scalars(fields, signature);
    if (fields.error()) return *fields.error();

    if (v == core::Units{std::uint64_t{27}} || v == core::Units{std::uint64_t{28}}) {
        return core::Error{core::Errc::kUnsupported, "legacy transaction without a chain id"};
    }
    const auto shifted = v.minus(core::Units{kReplayProtected});
    if (!shifted) return core::invalid("v of a legacy transaction is too small");
    signature.y_parity = static_cast<std::uint8_t>(shifted.value().raw() & 1U);
    const auto chain_id = core::Units{core::Units::Raw{shifted.value().raw() >> 1}}.to_u64();
    if (!chain_id) return core::invalid("chain id above 64 bits");
    tx.chain_id = chain_id.value();
    if (tx.chain_id == 0) return core::invalid("chain id 0");
    return Unpacked{std::move(tx), signature};
}

core::Expected<Unpacked> unpack_dynamic_fee(core::ByteView body) {
    const auto list = rlp_decode(body);
    if (!list) return list.error();
    if (list.value().items.size() != 12) return core::invalid("a type 2 transaction has 12 fields");
    DynamicFeeTransaction tx;
    crypto::RecoverableSignature signature;
    std::uint64_t y_parity = 0;
    Fields fields{list.value().items};
    fields.read(tx.chain_id);
    fields.read(tx.nonce);
    fields.read(tx.max_priority_fee_per_gas);
    fields.read(tx.max_fee_per_gas);
    fields.read(tx.gas_limit);
    fields.read(tx.to);
    fields.read(tx.value);
    fields.read(tx.data);
    fields.read(tx.access_list);
    fields.read(y_parity);
    read_scalars(fields, signature);
    if (fields.error()) return *fields.error();

    if (y_parity > 1) return core::invalid("the parity of y is 0 or 1");
    signature.y_parity = static_cast<std::uint8_t>(y_parity);
    if (tx.chain_id == 0) return core::invalid("chain id 0");
    return Unpacked{std::move(tx), signature};
}

core::Expected<Unpacked> unpack(core::ByteView raw) {
    if (raw.empty()) return core::invalid("empty transaction");
    if (raw.front() == kDynamicFeeType) return unpack_dynamic_fee(raw.subspan(1));
    // EIP-2718: a type is at most 0x7f, an RLP list begins at 0xc0.
    if (raw.front() <= 0x7F) {
        return core::Error{core::Errc::kUnsupported,
                           "transaction type " + std::to_string(raw.front())};
    }
    return unpack_legacy(raw);
}

}  // namespace

core::Bytes signing_payload(const Transaction& tx) {
    Items items = std::visit([](const auto& kind) { return items_of(kind); }, tx);
    const std::uint64_t chain_id = std::visit([](const auto& kind) { return kind.chain_id; }, tx);
    CHECK(chain_id != 0, "a transaction without chain id could be replayed");
    if (std::holds_alternative<LegacyTransaction>(tx)) {
        items.push_back(rlp_number(chain_id));
        items.push_back(rlp_number(std::uint64_t{0}));
        items.push_back(rlp_number(std::uint64_t{0}));
    }
    return envelope(tx, items);
}

crypto::Digest signing_hash(const Transaction& tx) {
    return crypto::keccak256(signing_payload(tx));
}

core::Bytes encode_raw(const Transaction& tx, const crypto::RecoverableSignature& signature) {
    CHECK(signature.y_parity <= 1);
    Items items = std::visit([](const auto& kind) { return items_of(kind); }, tx);
    if (const auto* legacy = std::get_if<LegacyTransaction>(&tx)) {
        CHECK(legacy->chain_id != 0);
        items.push_back(rlp_number(v_of(legacy->chain_id, signature.y_parity)));
    } else {
        items.push_back(rlp_number(std::uint64_t{signature.y_parity}));
    }
    items.push_back(rlp_integer(signature.r));
    items.push_back(rlp_integer(signature.s));
    return envelope(tx, items);
}

core::TxId tx_id_of(core::ByteView raw) {
    return core::TxId::from_bytes(crypto::keccak256(raw).view()).value();
}

core::Expected<SignedTransaction> decode_raw(core::ByteView raw) {
    auto unpacked = unpack(raw);
    if (!unpacked) return unpacked.error();
    auto& [tx, signature] = unpacked.value();
    const auto signer = crypto::Secp256k1::recover(signing_hash(tx), signature);
    if (!signer) return signer.error();
    return SignedTransaction{std::move(tx), signature, address_of(signer.value()), tx_id_of(raw)};
}

}  // namespace chains::evm
