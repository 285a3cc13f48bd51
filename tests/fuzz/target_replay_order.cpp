// An operator's order to read blocks again.

#include "chains/evm/address_codec.hpp"
#include "daemon/impl/replay_order.hpp"
#include "net/json.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"

FUZZ_TARGET(replay_order) {
    const auto document = net::parse_strict(input);
    if (!document) return;
    const std::vector<core::ChainId> configured{core::ChainId::eip155(1), core::ChainId::eip155(8453)};
    const chains::evm::EvmAddressCodec codec;
    const auto order = depositd::parse_replay_order(*document, configured, codec);
    if (!order) {
        MUST(order.error().code == core::Errc::kInvalid);
        MUST(fuzz::is_utf8(order.error().message));
        return;
    }
    MUST(document->is_object() && !order->chains.empty());
    // What names a chain is about that chain and no other.
    if (document->contains("chain")) {
        MUST((*document)["chain"].is_string() && order->chains.size() == 1);
        MUST((*document)["chain"] == order->chains[0].text());
    } else {
        MUST(order->chains == configured);
    }
    if (const auto* range = std::get_if<watchers::ReplayRange>(&order->request)) {
        MUST(range->from <= range->to && order->chains.size() == 1);
        MUST((*document)["from"] == range->from && (*document)["to"] == range->to);
        MUST(!document->contains("tx") && !document->contains("session"));
    } else if (const auto* tx = std::get_if<core::TxId>(&order->request)) {
        MUST(tx->view().size() == 32 && !document->contains("session") &&
             !document->contains("from"));
    } else {
        const auto& session = std::get<core::SessionId>(order->request);
        MUST(!session.empty() && !document->contains("from") && !document->contains("tx"));
    }
}
