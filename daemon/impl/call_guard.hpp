#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "chains/ports/chain_info.hpp"
#include "chains/ports/signer.hpp"
#include "db/database.hpp"

namespace depositd {

//! Signs no call and no allowance that the session's own row does not name, whatever settlement asks for:
//! by a receiver, on a delivery, of the session's destination, with the session's data, and for no more
//! than the payout. The destination is never a token's contract. What takes an allowance back passes, and
//! so does everything else. Without `calls_allowed` no contract is called, nor allowed anything.
class CallGuard final : public chains::Signer {
  public:
    CallGuard(std::unique_ptr<chains::Signer> inner, db::Database& database,
              std::vector<chains::ChainInfo> chains, bool calls_allowed)
        : inner_{std::move(inner)},
          database_{database},
          chains_{std::move(chains)},
          calls_allowed_{calls_allowed} {}

    core::Task<core::Expected<chains::SignedTx>> sign(chains::SigningRequest request) override;
    core::Expected<core::Done> allows(const chains::TxOrder& order) const override;
    core::Expected<core::Address> address_of(chains::KeyRef key) const override {
        return inner_->address_of(key);
    }

  private:
    core::Expected<core::Done> may_be_called(const chains::TxOrder& order) const;
    core::Task<core::Expected<core::Done>> is_sessions_own(const chains::SigningRequest& request) const;

    std::unique_ptr<chains::Signer> inner_;
    db::Database& database_;
    std::vector<chains::ChainInfo> chains_;
    bool calls_allowed_;
};

}  // namespace depositd
