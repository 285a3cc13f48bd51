#include "watchers/impl/deadline_blocks.hpp"

#include <utility>

namespace watchers {
namespace {

//! Blocks of one look, when many deadlines have passed while nobody looked.
constexpr int kBlocksMax = 16;
//! Reading on comes first.
constexpr core::Millis kAgreeingMax{10'000};

}  // namespace

core::Task<core::Expected<std::optional<core::BlockRef>>> DeadlineBlocks::next() {
    using Next = std::optional<core::BlockRef>;
    auto job = [chain = reader_.info().id](db::UnitOfWork& work) -> core::Expected<Next> {
        auto tip = work.blocks().tip(chain);
        if (!tip) return tip.error();
        auto agreed = work.blocks().agreed_to(chain);
        if (!agreed) return agreed.error();
        if (!*tip) return Next{};
        const core::Instant from = *agreed ? (**agreed).mined_at : core::Instant{};
        auto deadline = work.sessions().first_deadline(chain, from, (**tip).mined_at);
        if (!deadline) return deadline.error();
        if (!*deadline) return Next{};
        return work.blocks().first_after(chain, *agreed ? (**agreed).height : 0, **deadline);
    };
    co_return co_await db_.read<Next>(std::move(job));
}

core::Task<core::Expected<core::BlockRef>> DeadlineBlocks::as_agreed(core::BlockRef block) {
    const unsigned endpoints = reader_.info().payout_final.endpoints;
    if (endpoints <= 1) co_return block;
    auto agreed = co_await reader_.agreed_block(block.height, endpoints);
    if (!agreed) co_return agreed;
    if (agreed->hash != block.hash) {
        co_return core::Error{core::Errc::kReorged, "the endpoints agree on something else"};
    }
    block.mined_at = agreed->mined_at;
    co_return block;
}

core::Task<core::Expected<core::Done>> DeadlineBlocks::agree() {
    if (retry_at_ && clock_.tick() < *retry_at_) co_return core::Done{};
    retry_at_.reset();
    waiting_.clear();
    const core::Tick begun = clock_.tick();
    for (int i = 0; i < kBlocksMax && clock_.tick() - begun <= kAgreeingMax; ++i) {
        auto block = co_await next();
        if (!block) co_return block.error();
        if (!*block) co_return core::Done{};
        auto agreed = co_await as_agreed(**block);
        if (!agreed) {
            waiting_ = "deadlines wait for endpoints that agree on block " +
                       std::to_string((**block).height) + ": " + agreed.error().message;
            retry_at_ = clock_.tick() + retry_;
            co_return core::Done{};
        }
        auto job = [chain = reader_.info().id,
                    agreed = *agreed](db::UnitOfWork& work) -> core::Expected<core::Done> {
            auto ours = work.blocks().at(chain, agreed.height);
            if (!ours) return ours.error();
            if (!*ours || (**ours).hash != agreed.hash) return core::Done{};
            return work.blocks().set_agreed_to(chain, agreed);
        };
        auto written = co_await db_.write<core::Done>(std::move(job));
        if (!written) co_return written.error();
    }
    co_return core::Done{};
}

}  // namespace watchers
