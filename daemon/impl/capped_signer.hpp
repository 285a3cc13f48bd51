#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "chains/ports/chain_info.hpp"
#include "chains/ports/signer.hpp"

namespace depositd {

//! Signs nothing above the operator's cap per payout, whatever settlement asks for: the last line of
//! defence stands where the key is. Approvals count like transfers; using up a nonce is always allowed.
class CappedSigner final : public chains::Signer {
  public:
    CappedSigner(std::unique_ptr<chains::Signer> inner, std::uint64_t whole_tokens_max,
                 std::vector<chains::ChainInfo> chains)
        : inner_{std::move(inner)}, whole_tokens_max_{whole_tokens_max}, chains_{std::move(chains)} {}

    core::Task<core::Expected<chains::SignedTx>> sign(chains::SigningRequest request) override;
    core::Expected<core::Done> allows(const chains::TxOrder& order) const override;
    core::Expected<core::Address> address_of(chains::KeyRef key) const override {
        return inner_->address_of(key);
    }

  private:
    std::unique_ptr<chains::Signer> inner_;
    std::uint64_t whole_tokens_max_;
    std::vector<chains::ChainInfo> chains_;
};

}  // namespace depositd
