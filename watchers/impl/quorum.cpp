#include "watchers/impl/quorum.hpp"

#include "watchers/impl/correct.hpp"

#include <algorithm>
#include <utility>

namespace watchers {
namespace {

constexpr std::size_t kAskedMax = 16;
constexpr core::Millis kRoundMax{10'000};

}  // namespace

chains::CreditTier QuorumDesk::tier_of(const Item& item) const {
    if (item.own) return reader_.info().payout_final;
    return watchers::tier_of(reader_.info(), *item.deposit);
}

void QuorumDesk::want(const Credited& credited) {
    agreed_ = std::make_shared<const Corroborated>();
    items_.clear();
    // Payouts wait for our own transactions: they come first.
    for (const OwnToAgree& own : credited.own_need_quorum) {
        items_.push_back({{true, own.tx.id, own.tx.block}, {}, own});
    }
    for (const db::Deposit& deposit : credited.need_quorum) {
        items_.push_back({{false, deposit.id.value, deposit.block}, deposit, {}});
    }
    std::map<Key, Tried> kept;
    for (const Item& item : items_) {
        const auto tried = tried_.find(item.key);
        if (tried != tried_.end()) kept.insert(*tried);
    }
    tried_ = std::move(kept);
}

std::string QuorumDesk::waiting() const {
    for (const Item& item : items_) {
        const auto tried = tried_.find(item.key);
        if (tried != tried_.end() && !tried->second.text.empty()) return tried->second.text;
    }
    return {};
}

core::Task<core::Expected<std::optional<core::BlockRef>>> QuorumDesk::our_block(Item item) {
    const std::uint64_t height = item.own ? item.own->tx.height : item.deposit->height;
    auto job = [chain = reader_.info().id, height](db::UnitOfWork& work) {
        return work.blocks().at(chain, height);
    };
    auto ours = co_await db_.read<std::optional<core::BlockRef>>(std::move(job));
    if (ours && *ours && (**ours).hash != item.key.block) {
        co_return std::optional<core::BlockRef>{};
    }
    if (ours && !*ours) {
        core::BlockRef named;
        named.height = height;
        named.hash = item.key.block;
        co_return std::optional<core::BlockRef>{named};
    }
    co_return ours;
}

core::Task<core::Expected<core::Done>> QuorumDesk::agree_on_final(chains::CreditTier tier,
                                                                  std::uint64_t height) {
    if (!tier.finalized_tag || tier.endpoints <= 1) co_return core::Done{};
    const auto known = final_for_.find(tier.endpoints);
    if (known != final_for_.end() && height <= known->second) co_return core::Done{};
    auto agreed = co_await reader_.corroborate_final(height, tier.endpoints);
    if (agreed) final_for_[tier.endpoints] = height;
    co_return agreed;
}

core::Task<core::Expected<core::Done>> QuorumDesk::agree(Item item, core::BlockRef block,
                                                         bool known) {
    const chains::CreditTier tier = tier_of(item);
    if (!known) {
        core::Expected<core::Done> content;
        if (item.own) {
            auto seen = own_of(item.own->tx);
            content = co_await reader_.corroborate_own(block, std::move(seen), tier.endpoints);
        } else {
            auto seen = transfer_of(*item.deposit);
            // What has counted once keeps the time with which it did (db::CountedAs).
            const bool is_dated = item.deposit->counted == db::Counted::kConfirmed;
            block.mined_at = is_dated ? core::Instant{} : item.deposit->mined_at;
            content = co_await reader_.corroborate(block, std::move(seen), tier.endpoints);
        }
        if (!content) co_return content.error();
        tried_[item.key].content_agreed = true;
    }
    if (auto final = co_await agree_on_final(tier, block.height); !final) co_return final.error();
    if (!item.own || !item.own->foreign) co_return core::Done{};
    co_return co_await reader_.corroborate_nonce(item.own->tx.sender, item.own->tx.nonce,
                                                 tier.finalized_tag, tier.endpoints);
}

core::Task<core::Expected<bool>> QuorumDesk::mend(Item item, core::BlockRef block,
                                                  core::Errc refusal) {
    if (refusal == core::Errc::kReorged) {
        auto corrected = co_await correct(item);
        if (!corrected || *corrected) co_return corrected;
    }
    if (!item.own && item.deposit->tx.empty()) co_return false;
    co_return co_await take_back_absent(std::move(item), block);
}

core::Task<core::Expected<bool>> QuorumDesk::take_back_absent(Item item, core::BlockRef block) {
    const unsigned endpoints = std::max(reader_.info().payout_final.endpoints, kAgainstOneMin);
    auto seen = item.own ? only_tx(item.own->tx.tx) : transfer_of(*item.deposit);
    const auto absent = co_await reader_.corroborate_absent(block, std::move(seen), endpoints);
    if (!absent) co_return false;
    auto job = [info = reader_.info(), item = std::move(item),
                now = clock_.now()](db::UnitOfWork& work) {
        return item.own ? take_back_own(work, info, item.own->tx, now)
                        : take_back(work, info, *item.deposit, now);
    };
    co_return co_await db_.write<bool>(std::move(job));
}

core::Task<core::Expected<bool>> QuorumDesk::correct(Item item) {
    const std::uint64_t height = item.own ? item.own->tx.height : item.deposit->height;
    auto scan = co_await reader_.scan_block(height, filter_);
    if (!scan || scan->block.hash != item.key.block) co_return false;
    const unsigned endpoints = std::max(tier_of(item).endpoints, kAgainstOneMin);
    if (item.own) co_return co_await correct_own_tx(item.own->tx, std::move(*scan), endpoints);
    co_return co_await correct_transfer(*item.deposit, std::move(*scan), endpoints);
}

core::Task<core::Expected<bool>> QuorumDesk::correct_own_tx(db::OwnTx row, chains::BlockScan scan,
                                                            unsigned endpoints) {
    const auto seen = std::find_if(scan.own.begin(), scan.own.end(),
                                   [&](const auto& own) { return own.tx == row.tx; });
    if (seen == scan.own.end() || is_same(*seen, own_of(row))) co_return false;
    const auto agreed = co_await reader_.corroborate_own(scan.block, *seen, endpoints);
    if (!agreed) co_return false;
    auto job = [info = reader_.info(), row, seen = *seen,
                now = clock_.now()](db::UnitOfWork& work) {
        return correct_own(work, info, row, seen, now);
    };
    co_return co_await db_.write<bool>(std::move(job));
}

core::Task<core::Expected<bool>> QuorumDesk::correct_transfer(db::Deposit row,
                                                              chains::BlockScan scan,
                                                              unsigned endpoints) {
    const auto seen = std::find_if(scan.deposits.begin(), scan.deposits.end(), [&](const auto& one) {
        return one.tx == row.tx && one.position == row.position;
    });
    if (seen == scan.deposits.end()) co_return false;
    if (*seen == transfer_of(row) && scan.block.mined_at == row.mined_at) co_return false;
    const auto agreed = co_await reader_.corroborate(scan.block, *seen, endpoints);
    if (!agreed) co_return false;
    auto job = [info = reader_.info(), row, seen = *seen, block = scan.block,
                now = clock_.now()](db::UnitOfWork& work) {
        return correct_deposit(work, info, row, block, seen, now);
    };
    co_return co_await db_.write<bool>(std::move(job));
}

core::Task<core::Expected<std::vector<QuorumDesk::Refusal>>> QuorumDesk::ask() {
    std::vector<Refusal> refused;
    auto agreed = std::make_shared<Corroborated>(*agreed_);
    const core::Tick begun = clock_.tick();
    std::size_t asked = 0;
    for (const Item& item : items_) {
        const core::Tick now = clock_.tick();
        if (asked == kAskedMax || now - begun > kRoundMax) break;
        const auto before = tried_.find(item.key);
        const bool known = before != tried_.end() && before->second.content_agreed;
        if (before != tried_.end() && before->second.retry_at && now < *before->second.retry_at) {
            continue;
        }
        auto block = co_await our_block(item);
        if (!block) co_return block.error();
        if (!*block) continue;
        ++asked;
        auto done = co_await agree(item, **block, known);
        if (done) {
            tried_.erase(item.key);
            if (item.own) agreed->own_txs.emplace(item.key.id, item.key.block);
            if (!item.own) agreed->deposits.emplace(item.deposit->id, item.key.block);
            continue;
        }
        std::string text = (item.own ? "transaction " + item.own->tx.tx.hex0x()
                                     : "deposit " + std::to_string(item.key.id)) +
                           " waits for " + std::to_string(tier_of(item).endpoints) +
                           " endpoints that agree: " + done.error().message;
        bool corrected = false;
        if (!known) {
            auto mended = co_await mend(item, **block, done.error().code);
            if (!mended) co_return mended.error();
            corrected = *mended;
        }
        Tried& tried = tried_[item.key];
        refused.push_back({done.error(), text, text == tried.text, corrected});
        tried.text = std::move(text);
        tried.retry_at = clock_.tick() + retry_;
    }
    agreed_ = std::move(agreed);
    co_return refused;
}

}  // namespace watchers
