#include "settlement/settlement.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "settlement/deadlines.hpp"
#include "settlement/driver.hpp"
#include "settlement/executor.hpp"

namespace settlement {

struct Settlement::Parts {
    Context context;
    Driver driver{context};
    Deadlines deadlines{context};
    std::vector<std::unique_ptr<Executor>> executors;
    std::vector<std::unique_ptr<Reconciler>> reconcilers;

    explicit Parts(Context given) : context{std::move(given)} {}
};

Settlement::Settlement(Context context, std::vector<PayingChain> paying, Reconciling reconciling)
    : parts_{std::make_unique<Parts>(std::move(context))} {
    for (const PayingChain& one : paying) {
        std::vector<chains::TxSender*> siblings;
        for (const PayingChain& other : paying) {
            const bool same_family = other.sender->info().id.name_space() ==
                                     one.sender->info().id.name_space();
            if (other.sender != one.sender && same_family) siblings.push_back(other.sender);
        }
        const chains::ChainInfo& chain = one.sender->info();
        parts_->executors.push_back(
            std::make_unique<Executor>(parts_->context, chain, *one.sender, *one.signer,
                                       std::move(siblings), PayoutPace::for_chain(chain)));
    }
    if (reconciling.every <= core::Millis::zero()) return;
    for (Reconciler::Chain& chain : reconciling.chains) {
        parts_->reconcilers.push_back(std::make_unique<Reconciler>(
            parts_->context, std::move(chain), reconciling.every));
    }
}

Settlement::~Settlement() = default;

core::Task<void> Settlement::run() {
    const auto executor = co_await core::asio::this_coro::executor;
    using Operation = decltype(core::asio::co_spawn(executor, parts_->driver.run(),
                                                    core::asio::deferred));
    std::vector<Operation> tasks;
    tasks.push_back(core::asio::co_spawn(executor, parts_->driver.run(), core::asio::deferred));
    tasks.push_back(core::asio::co_spawn(executor, parts_->deadlines.run(), core::asio::deferred));
    for (const auto& one : parts_->executors) {
        tasks.push_back(core::asio::co_spawn(executor, one->run(), core::asio::deferred));
    }
    for (const auto& one : parts_->reconcilers) {
        tasks.push_back(core::asio::co_spawn(executor, one->run(), core::asio::deferred));
    }
    auto group = core::asio::experimental::make_parallel_group(std::move(tasks));
    // The first that ends (cancelled, or by our own bug) ends the others.
    auto [order, failures] = co_await group.async_wait(core::asio::experimental::wait_for_one(),
                                                       core::asio::use_awaitable);
    for (const std::size_t index : order) {
        if (failures[index]) std::rethrow_exception(failures[index]);
    }
}

core::Task<core::Expected<core::PayoutId>> Settlement::resume(core::PayoutId id) {
    co_return co_await resume_payout(parts_->context, id);
}

}  // namespace settlement
