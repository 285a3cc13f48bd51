#include "watchers/impl/quorum.hpp"

#include <utility>

namespace watchers {
namespace {

constexpr std::size_t kAskedMax = 16;

chains::TransferSeen transfer_of(const db::Deposit& deposit) {
    chains::TransferSeen seen;
    seen.tx = deposit.tx;
    seen.position = deposit.position;
    seen.kind = static_cast<chains::TransferKind>(deposit.kind);
    seen.asset = deposit.asset;
    seen.from = deposit.from;
    seen.to = deposit.to;
    seen.units = deposit.units;
    return seen;
}

unsigned endpoints_for(const chains::ChainInfo& info, const db::Deposit& deposit) {
    const chains::TokenInfo* token = info.token(deposit.asset);
    return (token != nullptr ? info.tier_for(*token, deposit.units) : info.credit.back()).endpoints;
}

}  // namespace

core::Task<core::Expected<Asked>> ask_endpoints(chains::ChainReader& reader, db::Database& db,
                                                std::vector<db::Deposit> deposits) {
    Asked asked;
    if (deposits.size() > kAskedMax) deposits.resize(kAskedMax);
    for (const db::Deposit& deposit : deposits) {
        auto job = [chain = deposit.chain, height = deposit.height](db::UnitOfWork& work) {
            return work.blocks().at(chain, height);
        };
        auto ours = co_await db.read<std::optional<core::BlockRef>>(std::move(job));
        if (!ours) co_return ours.error();
        if (!*ours || (**ours).hash != deposit.block) continue;
        const unsigned endpoints = endpoints_for(reader.info(), deposit);
        auto agreed = co_await reader.corroborate(**ours, transfer_of(deposit), endpoints);
        if (agreed) {
            asked.agreed.emplace(deposit.id, deposit.block);
            continue;
        }
        asked.refused = agreed.error();
        asked.waiting = "deposit " + std::to_string(deposit.id.value) + " waits for " +
                        std::to_string(endpoints) +
                        " endpoints that agree: " + agreed.error().message;
        break;
    }
    co_return asked;
}

}  // namespace watchers
