#include "watchers/impl/begin.hpp"

#include <algorithm>
#include <utility>

namespace watchers {
namespace {

//! Deep enough for reorgs, shallow enough that every node still has the state of the block.
constexpr std::uint64_t kOriginDepthMax = 64;

core::Expected<std::uint64_t> origin_height(std::optional<std::uint64_t> start_height,
                                            const chains::Heads& heads) {
    const std::uint64_t head = heads.latest.height;
    const std::uint64_t lowest = head > kOriginDepthMax ? head - kOriginDepthMax : 0;
    const std::uint64_t safe =
        heads.finalized ? std::clamp(heads.finalized->height, lowest, head) : lowest;
    if (!start_height) return safe;
    const std::uint64_t origin = *start_height > 0 ? *start_height - 1 : 0;
    if (origin > head) {
        return core::Error{core::Errc::kNotReady, "the start height is above the node's head"};
    }
    // One that a reorganisation takes away would leave nothing to walk back to.
    return heads.finalized ? std::min(origin, safe) : origin;
}

//! No deadline before its time is looked at: one endpoint's word is not enough for it.
core::Task<core::Expected<core::BlockRef>> read_origin(chains::ChainReader& reader,
                                                       std::uint64_t height) {
    auto origin = co_await reader.block_at(height);
    const unsigned endpoints = reader.info().payout_final.endpoints;
    if (!origin || endpoints <= 1) co_return origin;
    const auto agreed = co_await reader.agreed_block(height, endpoints);
    if (!agreed) co_return agreed.error();
    if (agreed->hash != origin->hash) {
        co_return core::Error{core::Errc::kReorged, "the endpoints agree on another first block"};
    }
    origin->mined_at = agreed->mined_at;
    co_return origin;
}

core::Task<core::Expected<core::Done>> read_tokens(chains::ChainReader& reader, core::Log& log,
                                                   core::Address owner, Opening& opening) {
    for (const chains::TokenInfo& token : reader.info().tokens) {
        if (token.asset == reader.info().native_asset) continue;
        auto units = co_await reader.balance_of(token.asset, owner, opening.origin);
        if (!units && core::is_transient(units.error().code)) co_return units.error();
        if (!units) {
            // A listed contract that is not deployed (yet) holds nothing of ours.
            log.warn("no opening balance",
                     {{"asset", token.asset.text()}, {"why", units.error().message}});
            continue;
        }
        if (!units->is_zero()) opening.balances.push_back({owner, token.asset, *units});
    }
    co_return core::Done{};
}

}  // namespace

core::Expected<StoredPosition> load_position(db::UnitOfWork& work, const core::ChainId& chain) {
    auto tip = work.blocks().tip(chain);
    if (!tip) return tip.error();
    auto final = work.blocks().final_block(chain);
    if (!final) return final.error();
    return StoredPosition{std::move(*tip), std::move(*final)};
}

core::Task<core::Expected<Opening>> read_opening(chains::ChainReader& reader, core::Log& log,
                                                 std::vector<core::Address> operators,
                                                 std::optional<std::uint64_t> start_height,
                                                 chains::Heads heads) {
    auto height = origin_height(start_height, heads);
    if (!height) co_return height.error();
    auto origin = co_await read_origin(reader, *height);
    if (!origin) co_return origin.error();
    Opening opening;
    opening.origin = *origin;
    if (operators.empty()) co_return opening;
    const core::AssetId native = reader.info().native_asset;
    for (const core::Address& owner : operators) {
        auto held = co_await reader.balance_of(native, owner, opening.origin);
        if (!held) co_return held.error();
        if (!held->is_zero()) opening.balances.push_back({owner, native, *held});
        auto tokens = co_await read_tokens(reader, log, owner, opening);
        if (!tokens) co_return tokens.error();
    }
    co_return opening;
}

core::Expected<core::Done> start_chain(db::UnitOfWork& work, const core::ChainId& chain,
                                       const Opening& opening, core::Instant now) {
    if (auto done = work.blocks().start(chain, opening.origin, now); !done) return done.error();
    for (const Opening::Balance& balance : opening.balances) {
        db::Fact fact;
        fact.kind = db::FactKind::kOpeningBalance;
        fact.chain = chain;
        fact.address = balance.address;
        fact.asset = balance.asset;
        fact.units = balance.units;
        fact.height = opening.origin.height;
        fact.recorded_at = now;
        if (auto seq = work.facts().append(fact); !seq) return seq.error();
    }
    return core::Done{};
}

}  // namespace watchers
