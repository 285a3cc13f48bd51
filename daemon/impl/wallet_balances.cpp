#include "daemon/impl/wallet_balances.hpp"

namespace depositd {

int WalletBalances::Readings::of(const core::SessionId& session) const {
    const auto at = of_session.find(session);
    return at == of_session.end() ? 0 : at->second;
}

void WalletBalances::Readings::add(const core::SessionId& session) {
    ++all;
    ++of_session[session];
}

void WalletBalances::Readings::remove(const core::SessionId& session) {
    --all;
    const auto at = of_session.find(session);
    if (--at->second == 0) of_session.erase(at);
}

//! Counts a reading for as long as it takes, also one that is cancelled.
class WalletBalances::UnderWay {
  public:
    UnderWay(Readings& readings, core::SessionId session)
        : readings_{readings}, session_{std::move(session)} {
        readings_.add(session_);
    }
    ~UnderWay() { readings_.remove(session_); }
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;

  private:
    Readings& readings_;
    core::SessionId session_;
};

WalletBalances::WalletBalances(std::vector<Chain> chains, Tip tip, core::Clock& clock)
    : tip_{std::move(tip)}, clock_{clock} {
    for (Chain& chain : chains) desks_.push_back(Desk{std::move(chain)});
}

WalletBalances::Desk* WalletBalances::desk_of(const core::ChainId& chain) {
    for (Desk& desk : desks_) {
        if (desk.chain.id == chain) return &desk;
    }
    return nullptr;
}

bool WalletBalances::may_read(Desk& desk, const core::SessionId& session, core::Tick now) {
    if (now - desk.window >= kWindow) {
        desk.window = now;
        desk.in_window = {};
    }
    if (desk.under_way.all >= kAtOnce || desk.in_window.all >= kPerWindow) return false;
    if (desk.under_way.of(session) >= kAtOnceOfSession) return false;
    if (desk.in_window.of(session) >= kPerWindowOfSession) return false;
    desk.in_window.add(session);
    return true;
}

void WalletBalances::remember(std::string key, Known known) {
    if (known_.size() >= kRemembered) {
        const core::Tick now = known.at;
        std::erase_if(known_, [now](const auto& one) { return now - one.second.at >= kFresh; });
    }
    // Full of fresh ones: what is remembered only saves reading.
    if (known_.size() >= kRemembered) known_.clear();
    known_.insert_or_assign(std::move(key), known);
}

core::Task<std::optional<core::Units>> WalletBalances::balance(core::AssetId asset,
                                                               core::Address owner,
                                                               core::SessionId asked_by) {
    const std::string key = asset.text() + " " + owner.hex0x();
    const core::Tick now = clock_.tick();
    const auto at = known_.find(key);
    if (at != known_.end() && now - at->second.at < kFresh) co_return at->second.units;
    Desk* const desk = desk_of(asset.chain());
    if (desk == nullptr || !may_read(*desk, asked_by, now)) co_return std::nullopt;
    const UnderWay counted{desk->under_way, std::move(asked_by)};
    std::optional<core::Units> units;
    auto tip = co_await tip_(asset.chain());
    if (tip) {
        auto told = co_await desk->chain.read(asset, owner, *tip);
        if (told) units = *told;
    }
    // A failure too: a node that is down is not asked again by every page that is open.
    remember(key, {clock_.tick(), units});
    co_return units;
}

core::Task<core::Expected<core::BlockRef>> last_block(db::Database& database, core::ChainId chain) {
    using Tips = std::vector<std::pair<core::ChainId, core::BlockRef>>;
    auto job = [](db::UnitOfWork& work) { return work.blocks().tips(); };
    auto tips = co_await database.read<Tips>(std::move(job));
    if (!tips) co_return tips.error();
    for (const auto& [id, block] : *tips) {
        if (id == chain) co_return block;
    }
    co_return core::Error{core::Errc::kNotFound, "no block of " + chain.text() + " was read yet"};
}

}  // namespace depositd
