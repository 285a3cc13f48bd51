#pragma once

#include <memory>
#include <vector>

#include "chains/ports/sender.hpp"
#include "chains/ports/signer.hpp"
#include "core/task.hpp"
#include "settlement/context.hpp"

namespace settlement {

//! One chain that money goes out on. The references outlive the room.
struct PayingChain {
    chains::TxSender* sender = nullptr;
    chains::Signer* signer = nullptr;
};

//! Facts → session steps → payouts → chain. Owns the driver, the deadlines and one executor per chain.
class Settlement {
  public:
    Settlement(Context context, std::vector<PayingChain> paying);
    ~Settlement();
    Settlement(const Settlement&) = delete;
    Settlement& operator=(const Settlement&) = delete;

    //! Until cancelled. Everything it had begun is on disk at every moment.
    core::Task<void> run();

    //! Lets a held payout go on. kRefused when it is not held, kNotFound when there is none.
    core::Task<core::Expected<core::Done>> resume(core::PayoutId id);
    //! The same for a held session whose payout has ended: see resume_session().
    core::Task<core::Expected<core::Done>> resume(core::SessionId id);

  private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace settlement
