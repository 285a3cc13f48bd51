#include "chains/evm/signer.hpp"

#include "chains/evm/address.hpp"
#include "chains/evm/address_codec.hpp"
#include "chains/evm/profiles.hpp"
#include "tests/support/show_expected.hpp"
#include "tests/unit/net/fakes.hpp"

#include <catch2/catch.hpp>

using namespace chains;
using core::Errc;
using core::Units;

namespace {

constexpr std::string_view kMnemonic =
    "test test test test test test test test test test test junk";

struct SignerBench {
    net::testing::CountingRng rng;
    core::asio::io_context loop{1};
    std::unique_ptr<evm::LocalSigner> signer = make();

    std::unique_ptr<evm::LocalSigner> make() {
        auto words = crypto::SecretBytes::copy_of(core::bytes_of(kMnemonic));
        return std::move(*evm::LocalSigner::from_mnemonic(std::move(words), "", rng));
    }
    SigningRequest request(KeyRef key) {
        SigningRequest out;
        out.key = key;
        out.leg = "delivery";
        out.tx.chain = core::ChainId::eip155(8453);
        out.tx.order.kind = CallKind::kTokenTransfer;
        out.tx.order.asset =
            core::AssetId{"eip155:8453/erc20:0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"};
        out.tx.order.sender = *signer->address_of(key);
        out.tx.order.recipient =
            *core::Address::from_hex("0x00000000000000000000000000000000000000aa");
        out.tx.order.units = Units{1'000'000};
        out.tx.nonce = 3;
        out.tx.gas_limit = 60'000;
        out.tx.price = {Units{100}, Units{2}};
        return out;
    }
    core::Expected<SignedTx> sign(SigningRequest request) {
        return net::testing::run(loop, signer->sign(std::move(request)));
    }
};

}  // namespace

TEST_CASE("signer: the well-known development phrase -> its known first addresses") {
    SignerBench bench;
    CHECK(evm::checksummed(*bench.signer->address_of({KeyRole::kReceiver, 0})) ==
          "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    CHECK(evm::checksummed(*bench.signer->address_of({KeyRole::kReceiver, 1})) ==
          "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    CHECK(bench.signer->address_of({KeyRole::kTreasury, 0}).value() !=
          bench.signer->address_of({KeyRole::kGasStation, 0}).value());
    CHECK_FALSE(bench.signer->address_of({KeyRole::kTreasury, 1}));
}

TEST_CASE("signer: receivers from the account public key -> the same addresses, without a secret") {
    SignerBench bench;
    const auto deriver = evm::EvmReceiverDeriver::from_xpub(bench.signer->receivers_xpub());
    REQUIRE(deriver);
    for (const std::uint32_t index : {0U, 1U, 77U, 100'000U}) {
        CHECK(deriver->derive(index).value() ==
              bench.signer->address_of({KeyRole::kReceiver, index}).value());
    }
    CHECK_FALSE(deriver->derive(0x8000'0000U));
    CHECK_FALSE(evm::EvmReceiverDeriver::from_xpub("xpub"));
}

TEST_CASE("signer: a token transfer -> exactly that, by that key, the same bytes each time") {
    SignerBench bench;
    const auto request = bench.request({KeyRole::kTreasury, 0});
    const auto signed_tx = bench.sign(request);
    REQUIRE(signed_tx);
    CHECK(bench.sign(request)->raw == signed_tx->raw);
    const auto back = evm::decode_raw(signed_tx->raw);
    REQUIRE(back);
    CHECK(back->sender == request.tx.order.sender);
    CHECK(back->id == signed_tx->id);
    const auto& tx = std::get<evm::DynamicFeeTransaction>(back->tx);
    CHECK(tx.chain_id == 8453);
    CHECK(tx.nonce == 3);
    CHECK(tx.value.is_zero());
    CHECK(tx.to->hex0x() == "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913");
    CHECK(core::to_hex(tx.data) ==
          "a9059cbb"
          "00000000000000000000000000000000000000000000000000000000000000aa"
          "00000000000000000000000000000000000000000000000000000000000f4240");
}

TEST_CASE("signer: a sender that is not the key's -> refused") {
    SignerBench bench;
    auto request = bench.request({KeyRole::kReceiver, 5});
    request.key.index = 6;
    const auto signed_tx = bench.sign(request);
    REQUIRE_FALSE(signed_tx);
    CHECK(signed_tx.error().code == Errc::kRefused);
}

TEST_CASE("signer: orders that make no sense -> refused before a key is used") {
    SignerBench bench;
    const auto good = bench.request({KeyRole::kTreasury, 0});
    auto request = good;
    request.tx.order.recipient = {};
    CHECK_FALSE(bench.sign(request));
    request = good;
    request.tx.order.recipient = *core::Address::from_hex("0x" + std::string(40, '0'));
    CHECK_FALSE(bench.sign(request));
    request = good;
    request.tx.order.asset = core::AssetId{"eip155:8453/slip44:60"};
    CHECK_FALSE(bench.sign(request));
    request = good;
    request.tx.chain = core::ChainId::eip155(1);  // the asset is on another chain
    CHECK_FALSE(bench.sign(request));
    request = good;
    request.tx.gas_limit = 0;
    CHECK_FALSE(bench.sign(request));
    request = good;
    request.tx.price.max_priority_fee = Units{101};
    CHECK_FALSE(bench.sign(request));
    request = good;
    request.tx.order.kind = CallKind::kNativeTransfer;
    CHECK_FALSE(bench.sign(request));
}

TEST_CASE("signer: each kind of order -> its own call") {
    SignerBench bench;
    auto order = bench.request({KeyRole::kReceiver, 0}).tx.order;
    order.kind = CallKind::kApprove;
    CHECK(core::to_hex(evm::build_call(order)->data).substr(0, 8) == "095ea7b3");

    order.kind = CallKind::kNoop;
    const auto noop = evm::build_call(order);
    REQUIRE(noop);
    CHECK(noop->to == order.sender);
    CHECK(noop->value.is_zero());
    CHECK(noop->data.empty());

    order.kind = CallKind::kCall;
    order.data = {1, 2, 3};
    CHECK(evm::build_call(order)->value.is_zero());
    order.asset = core::AssetId{"eip155:8453/slip44:60"};
    CHECK(evm::build_call(order)->value == order.units);
    CHECK(evm::build_call_data(order).value() == order.data);
}

TEST_CASE("signer: a legacy chain -> type 0 with its gas price") {
    SignerBench bench;
    auto request = bench.request({KeyRole::kReceiver, 2});
    request.tx.legacy = true;
    const auto signed_tx = bench.sign(request);
    REQUIRE(signed_tx);
    const auto back = evm::decode_raw(signed_tx->raw);
    REQUIRE(back);
    CHECK(std::get<evm::LegacyTransaction>(back->tx).gas_price == Units{100});
}

TEST_CASE("address codec: checksums hold both ways; transactions have 64 digits") {
    const evm::EvmAddressCodec codec;
    const std::string good = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
    CHECK(codec.format(*codec.parse(good)) == good);
    CHECK_FALSE(codec.parse("0xF39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
    const std::string tx = "0x" + std::string(63, '0') + "a";
    CHECK(codec.format_tx(*codec.parse_tx(tx)) == tx);
    CHECK_FALSE(codec.parse_tx(tx.substr(0, 65)));
    CHECK_FALSE(codec.parse_tx(tx.substr(2)));
}
