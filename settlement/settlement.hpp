#pragma once

#include <memory>
#include <vector>

#include "chains/ports/sender.hpp"
#include "chains/ports/signer.hpp"
#include "core/task.hpp"
#include "settlement/context.hpp"
#include "settlement/reconciler.hpp"

namespace settlement {

//! One chain that money goes out on. The references outlive the room.
struct PayingChain {
    chains::TxSender* sender = nullptr;
    chains::Signer* signer = nullptr;
};

//! How often the books of these chains are compared with them; zero: never.
struct Reconciling {
    std::vector<Reconciler::Chain> chains;
    core::Millis every{};
};

//! Facts → session steps → payouts → chain. Owns the driver, the deadlines, one executor per chain and
//! who compares the books.
class Settlement {
  public:
    Settlement(Context context, std::vector<PayingChain> paying, Reconciling reconciling = {});
    ~Settlement();
    Settlement(const Settlement&) = delete;
    Settlement& operator=(const Settlement&) = delete;

    //! Until cancelled. Everything it had begun is on disk at every moment.
    core::Task<void> run();

    //! See resume_payout(). kNotFound when there is none.
    core::Task<core::Expected<core::PayoutId>> resume(core::PayoutId id);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace settlement
