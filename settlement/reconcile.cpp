#include "settlement/reconcile.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "core/check.hpp"
#include "settlement/accounts.hpp"
#include "settlement/context.hpp"
#include "settlement/impl/grants.hpp"

namespace settlement {
namespace {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;
using core::Units;

//! Ins and outs of one address in one asset; kept apart, because their difference has no sign.
struct Position {
    Units booked;
    Units in;
    Units out;
    Units uncertain;  //!< as ReconcileLine
};
using Positions = std::map<std::pair<core::Address, core::AssetId>, Position>;

Expected<Done> add(Units& sum, const Units& units) {
    auto total = sum.plus(units);
    if (!total) return total.error();
    sum = *total;
    return Done{};
}

constexpr std::string_view kHead = "address:";

Expected<core::Address> book(const db::AccountBalance& balance, Positions& positions) {
    auto owner = core::Address::from_hex(std::string_view{balance.account}.substr(kHead.size()));
    if (!owner) return Error{Errc::kStorage, "the ledger has an account " + balance.account};
    Position& position = positions[{*owner, balance.asset}];
    position = {};
    position.booked = balance.units;
    (balance.debit ? position.in : position.out) = balance.units;
    return *owner;
}

//! The last address of a part, behind which more may follow; none when all was read.
Expected<core::Address> add_books(db::UnitOfWork& work, const ReconcileRequest& request,
                                  Positions& positions) {
    for (const core::Address& owner : request.operator_addresses) {
        auto balances = work.ledger().balances(address_account(owner));
        if (!balances) return balances.error();
        for (const db::AccountBalance& balance : *balances) {
            if (balance.asset.chain() != request.chain) continue;
            if (auto booked = book(balance, positions); !booked) return booked.error();
        }
    }
    const std::string after = request.after.empty() ? "" : address_account(request.after);
    auto balances = work.ledger().balances_of_chain(request.chain, kHead, after, request.part);
    if (!balances) return balances.error();
    std::size_t addresses = 0;
    core::Address last;
    for (const db::AccountBalance& balance : *balances) {
        auto owner = book(balance, positions);
        if (!owner) return owner.error();
        if (*owner != last) ++addresses;
        last = *owner;
    }
    return request.part > 0 && addresses == request.part ? last : core::Address{};
}

//! What a transaction of ours took by the word of one endpoint; what it could have taken beyond that is
//! uncertain until several agree.
Expected<Done> add_mined(db::UnitOfWork& work, const core::AssetId& native, const db::OwnTx& tx,
                         Positions& positions) {
    std::map<core::AssetId, Units> told;
    told[native] = tx.fee;
    if (auto done = add(positions[{tx.sender, native}].out, tx.fee); !done) return done.error();
    auto attempt = work.payouts().by_tx(tx.chain, tx.tx);
    if (!attempt) return attempt.error();
    if (tx.success && tx.to != tx.sender && !tx.native_value.is_zero()) {
        auto done = add(positions[{tx.sender, native}].out, tx.native_value);
        if (!done) return done.error();
        if (done = add(told[native], tx.native_value); !done) return done.error();
        // A top-up stays with us; a foreign transaction's coin is a deposit row already.
        if (*attempt && (*attempt)->step.kind == db::StepKind::kTopUp) {
            Position& topped_up = positions[{tx.to, native}];
            done = add(topped_up.in, tx.native_value);
            if (!done) return done.error();
            done = add(topped_up.uncertain, tx.native_value);
            if (!done) return done.error();
        }
    }
    for (const db::OwnTxTransfer& transfer : tx.transfers) {
        if (!tx.success || transfer.from != tx.sender || transfer.to == tx.sender) continue;
        auto done = add(positions[{tx.sender, transfer.asset}].out, transfer.units);
        if (!done) return done.error();
        if (done = add(told[transfer.asset], transfer.units); !done) return done.error();
    }
    if (!*attempt) return Done{};
    const db::PayoutStep& step = (*attempt)->step;
    const auto fee = (*attempt)->attempt.max_fee.times(step.gas_limit);
    if (!fee) return fee.error();
    std::map<core::AssetId, Units> possible;
    possible[native] = *fee;
    if (auto done = add(possible[step.asset], step.units); !done) return done.error();
    for (const auto& [asset, units] : possible) {
        const auto found = positions.find({tx.sender, asset});
        if (found == positions.end() || units <= told[asset]) continue;
        if (auto done = add(found->second.uncertain, *units.minus(told[asset])); !done) {
            return done.error();
        }
    }
    return Done{};
}

Expected<Done> add_pending(db::UnitOfWork& work, const core::ChainId& chain,
                           const core::AssetId& native, Positions& positions) {
    constexpr auto kAnyHeight = std::numeric_limits<std::int64_t>::max();
    auto deposits = work.deposits().unconfirmed(chain, kAnyHeight);
    if (!deposits) return deposits.error();
    for (const db::Deposit& deposit : *deposits) {
        Position& position = positions[{deposit.to, deposit.asset}];
        if (auto done = add(position.in, deposit.units); !done) return done.error();
        if (auto done = add(position.uncertain, deposit.units); !done) return done.error();
    }
    auto mined = work.own_txs().not_final(chain, kAnyHeight);
    if (!mined) return mined.error();
    for (const db::OwnTx& tx : *mined) {
        if (auto done = add_mined(work, native, tx, positions); !done) return done.error();
    }
    return Done{};
}

//! What a transaction that was signed and not seen in a block could have taken from its sender by now:
//! the block that we read may be told without it.
Expected<Done> add_step(const db::PayoutFull& full, const db::PayoutStep& step,
                        const core::AssetId& native, Positions& positions) {
    Units price;
    for (const db::Attempt& attempt : full.attempts) {
        if (attempt.step == step.id) price = std::max(price, attempt.max_fee);
    }
    const auto fee = price.times(step.gas_limit);
    if (!fee) return fee.error();
    for (const auto& [asset, units] : {std::pair{native, *fee}, std::pair{step.asset, step.units}}) {
        const auto found = positions.find({step.sender, asset});
        if (found == positions.end()) continue;
        if (auto done = add(found->second.uncertain, units); !done) return done.error();
    }
    return Done{};
}

Expected<Done> add_in_flight(const db::PayoutFull& full, const core::AssetId& native,
                             Positions& positions) {
    for (const db::PayoutStep& step : full.steps) {
        if (step.status != db::PayoutStatus::kSigned && step.status != db::PayoutStatus::kSent) continue;
        if (auto done = add_step(full, step, native, positions); !done) return done.error();
    }
    return Done{};
}

//! What left the chain after finality is sent again, or was never gone: it may be mined at any time.
Expected<Done> add_lost(db::UnitOfWork& work, const core::ChainId& chain, const core::AssetId& native,
                        Positions& positions) {
    auto places = work.payouts().lost(chain);
    if (!places) return places.error();
    std::set<core::StepId> seen;
    for (const db::Payouts::AttemptPlace& place : *places) {
        if (!seen.insert(place.step.id).second) continue;
        auto full = work.payouts().load(place.payout);
        if (!full) return full.error();
        CHECK(full->has_value(), "an attempt belongs to a payout");
        if (auto done = add_step(**full, place.step, native, positions); !done) return done.error();
    }
    return Done{};
}

Expected<Done> add_all_in_flight(db::UnitOfWork& work, const core::ChainId& chain,
                                 const core::AssetId& native, Positions& positions) {
    constexpr std::size_t kPage = 500;
    core::PayoutId after;
    for (;;) {
        auto page = work.payouts().active(chain, after, kPage);
        if (!page) return page.error();
        for (const db::PayoutFull& full : *page) {
            after = full.payout.id;
            if (auto done = add_in_flight(full, native, positions); !done) return done.error();
        }
        if (page->size() < kPage) return add_lost(work, chain, native, positions);
    }
}

Expected<Done> add_receivers(db::UnitOfWork& work, const ReconcileRequest& request,
                             Positions& positions) {
    core::ReceiverId after;
    for (;;) {
        auto page = work.receivers().since(request.chain.name_space(), after, 1000);
        if (!page) return page.error();
        for (const db::Receiver& receiver : *page) {
            after = receiver.id;
            for (const core::AssetId& asset : request.assets) {
                positions.try_emplace({receiver.address, asset});
            }
        }
        if (page->empty()) return Done{};
    }
}

struct Books {
    core::BlockRef at;
    Positions positions;
    core::Address last;
};

//! Leaves the part that was asked for, at most up to `books_last`; an address is never split.
void keep_part(const ReconcileRequest& request, const core::Address& books_last, Books& books) {
    const auto is_operators = [&](const core::Address& owner) {
        const auto& own = request.operator_addresses;
        return std::find(own.begin(), own.end(), owner) != own.end();
    };
    std::size_t kept = 0;
    core::Address last;
    bool is_full = false;
    std::erase_if(books.positions, [&](const auto& item) {
        const core::Address& owner = item.first.first;
        if (is_operators(owner)) return false;
        if (!request.after.empty() && owner <= request.after) return true;
        if (!books_last.empty() && owner > books_last) return true;
        if (owner == last) return false;
        if (kept >= request.part) is_full = true;
        if (is_full) return true;
        ++kept;
        last = owner;
        return false;
    });
    books.last = is_full ? last : books_last;
}

Expected<Books> read_books(db::UnitOfWork& work, const ReconcileRequest& request) {
    auto newest = work.facts().newest();
    if (!newest) return newest.error();
    auto applied = work.facts().cursor(kDriverName);
    if (!applied) return applied.error();
    if (*applied < *newest) return Error{Errc::kNotReady, "settlement has facts to apply"};
    auto tip = work.blocks().tip(request.chain);
    if (!tip) return tip.error();
    if (!*tip) return Error{Errc::kNotReady, "no block of " + request.chain.text() + " was read yet"};
    if (request.part == 0) {
        if (auto sound = work.ledger().verify(); !sound) return sound.error();
    }

    Books books{**tip, {}, {}};
    auto books_last = add_books(work, request, books.positions);
    if (!books_last) return books_last.error();
    auto pending = add_pending(work, request.chain, request.native, books.positions);
    if (!pending) return pending.error();
    auto in_flight = add_all_in_flight(work, request.chain, request.native, books.positions);
    if (!in_flight) return in_flight.error();
    // Tokens that lay on an operator's address before the first block read are not on the books.
    for (const core::Address& owner : request.operator_addresses) {
        books.positions.try_emplace({owner, request.native});
    }
    if (request.every_receiver) {
        auto added = add_receivers(work, request, books.positions);
        if (!added) return added.error();
    }
    if (request.part > 0) keep_part(request, *books_last, books);
    return books;
}

//! Says nothing of the other lines.
bool is_lines_own(const Error& error) {
    return error.code == Errc::kUnsupported || error.code == Errc::kNotFound ||
           error.code == Errc::kReverted || error.code == Errc::kMalformed ||
           error.code == Errc::kNoQuorum;
}

core::Task<Expected<Units>> granted_on(db::Database& database, core::ChainId chain,
                                       core::Address owner, core::AssetId asset) {
    auto job = database.read<Units>([chain, owner, asset](db::UnitOfWork& work) {
        return granted(work, chain, owner, asset);
    });
    co_return co_await std::move(job);
}

}  // namespace

Expected<Done> hold_against(ReconcileLine& line, const Units& on_chain) {
    const auto seen = on_chain.plus(line.out);
    if (!seen) return seen.error();
    line.on_chain = on_chain;
    line.equal = *seen == line.in;
    line.missing = *seen < line.in ? *line.in.minus(*seen) : Units{};
    line.surplus = *seen > line.in ? *seen->minus(line.in) : Units{};
    return Done{};
}

Expected<Units> uncertain_native(db::UnitOfWork& work, const core::ChainId& chain,
                                 const core::AssetId& native, const core::Address& owner) {
    Positions positions;
    positions.try_emplace({owner, native});
    if (auto done = add_pending(work, chain, native, positions); !done) return done.error();
    if (auto done = add_all_in_flight(work, chain, native, positions); !done) return done.error();
    const auto taken = work.own_txs().taken_not_final(chain, owner);
    if (!taken) return taken.error();
    return positions.at({owner, native}).uncertain.plus(*taken);
}

core::Task<Expected<ReconcileReport>> reconcile(db::Database& database, ReconcileRequest request,
                                                BalanceAt balance_at) {
    auto books_job = database.read<Books>(
        [&request](db::UnitOfWork& work) { return read_books(work, request); });
    auto books = co_await std::move(books_job);
    if (!books) co_return books.error();
    ReconcileReport report;
    report.at = books->at;
    report.last = books->last;
    for (const auto& [place, position] : books->positions) {
        ReconcileLine line;
        line.owner = place.first;
        line.asset = place.second;
        line.booked = position.booked;
        line.in = position.in;
        line.out = position.out;
        line.uncertain = position.uncertain;
        const auto expected = position.in.minus(position.out);
        if (expected) line.expected = *expected;
        auto on_chain = co_await balance_at(line.asset, line.owner, report.at);
        if (!on_chain && !is_lines_own(on_chain.error())) co_return on_chain.error();
        if (!on_chain) {
            line.not_told = on_chain.error();
            ++report.not_told;
        } else {
            auto held = hold_against(line, *on_chain);
            if (!held) co_return held.error();
            if (!line.equal) ++report.differences;
            // Asked where something is missing only: that is nowhere, nearly always.
            if (is_missing(line) && !line.asset.is_native()) {
                auto granted = co_await granted_on(database, request.chain, line.owner, line.asset);
                if (!granted) co_return granted.error();
                auto uncertain = line.uncertain.plus(*granted);
                if (!uncertain) co_return uncertain.error();
                line.uncertain = *uncertain;
            }
        }
        report.lines.push_back(std::move(line));
    }
    co_return report;
}

}  // namespace settlement
