#include "daemon/impl/capped_signer.hpp"

namespace depositd {

core::Task<core::Expected<chains::SignedTx>> CappedSigner::sign(chains::SigningRequest request) {
    if (auto fits = allows(request.tx.order); !fits) co_return fits.error();
    co_return co_await inner_->sign(std::move(request));
}

core::Expected<core::Done> CappedSigner::allows(const chains::TxOrder& order) const {
    if (order.kind == chains::CallKind::kNoop || order.units.is_zero()) return core::Done{};
    for (const chains::ChainInfo& chain : chains_) {
        const chains::TokenInfo* token = chain.token(order.asset);
        if (token == nullptr) continue;
        core::Units cap{whole_tokens_max_};
        for (unsigned i = 0; i < token->decimals; ++i) {
            auto scaled = cap.times(10);
            if (!scaled) return core::Done{};  // the cap is beyond any amount there can be
            cap = *scaled;
        }
        if (order.units <= cap) return core::Done{};
        return core::Error{core::Errc::kRefused,
                           "above limits.payout_whole_tokens_max (" +
                               std::to_string(whole_tokens_max_) + " " + token->symbol + ")"};
    }
    return core::Error{core::Errc::kRefused, "the asset is not on the list: " + order.asset.text()};
}

}  // namespace depositd
