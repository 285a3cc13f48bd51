#pragma once

#include "tests/simulation/chain.hpp"

#include <deque>
#include <string>

namespace simulation {

//! Transactions by their index: the chain's own, and those that only a liar knows.
class TxSource {
  public:
    explicit TxSource(const Chain& chain) : chain_{chain} {}
    const Tx& operator[](TxIndex index) const {
        return index < kFakes ? chain_.tx(index) : fakes_[index - kFakes];
    }
    //! The fake that a liar of this kind tells instead of (or beside) `original`: one each.
    TxIndex fake_of(TxIndex original, int kind, const std::function<void(Tx&)>& change) {
        const auto [entry, fresh] = made_.try_emplace({original, kind}, TxIndex{});
        if (fresh) {
            entry->second = kFakes + static_cast<TxIndex>(fakes_.size());
            fakes_.push_back(chain_.tx(original));
            change(fakes_.back());
        }
        return entry->second;
    }
    //! What fake_of() was made from.
    std::optional<TxIndex> original_of(const core::TxId& fake, int kind) const {
        for (const auto& [from, index] : made_) {
            if (from.second == kind && fakes_[index - kFakes].id == fake) return from.first;
        }
        return std::nullopt;
    }

  private:
    static constexpr TxIndex kFakes = 0x8000'0000;
    const Chain& chain_;
    std::deque<Tx> fakes_;
    std::map<std::pair<TxIndex, int>, TxIndex> made_;
};

//! What of a log a liar may change on the way out.
struct LogLook {
    bool removed = false;
    core::BlockHash block;
};

// One JSON value each, as geth writes it.

//! `hash` and `parent` are told as they stand in `block`, right or wrong.
void append_block(std::string& out, const TxSource& txs, const Block& block, bool full,
                  std::uint64_t gas_limit);
void append_tx(std::string& out, const Tx& tx, const Block* block, const Included* included,
               std::size_t index);
void append_receipt(std::string& out, const TxSource& txs, const Block& block,
                    const core::BlockHash& told, std::size_t index);
//! The i-th log of the block's `index`-th transaction.
void append_log(std::string& out, const TxSource& txs, const Block& block, std::size_t index,
                std::size_t i, const LogLook& look);
void append_hash(std::string& out, core::ByteView bytes);  //!< "0x…" with its quotes

}  // namespace simulation
