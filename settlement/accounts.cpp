#include "settlement/accounts.hpp"

namespace settlement {
namespace {

db::LedgerLine debit(std::string account, core::AssetId asset, core::Units units) {
    return {std::move(account), std::move(asset), true, std::move(units)};
}
db::LedgerLine credit(std::string account, core::AssetId asset, core::Units units) {
    return {std::move(account), std::move(asset), false, std::move(units)};
}

//! As it was counted, which is what we owe.
const core::Units& units_of(const db::Deposit& deposit) {
    return deposit.counted_as ? deposit.counted_as->units : deposit.units;
}
const core::AssetId& asset_of(const db::Deposit& deposit) {
    return deposit.counted_as ? deposit.counted_as->asset : deposit.asset;
}

std::string key_of(const db::Deposit& deposit) {
    return deposit.chain.text() + "/" + deposit.key;
}

}  // namespace

std::string address_account(const core::Address& address) { return "address:" + address.hex0x(); }
std::string session_account(const core::SessionId& session) { return "session:" + session.text(); }
std::string stray_account(core::ReceiverId receiver) {
    return "stray:" + std::to_string(receiver.value);
}

std::string creditor_account(const db::Payout& payout) {
    return payout.leg == db::Leg::kStray ? stray_account(payout.receiver)
                                         : session_account(payout.session.value_or(core::SessionId{}));
}

std::string deposit_key(const db::Deposit& deposit) { return "deposit:" + key_of(deposit); }
std::string stray_key(const db::Deposit& deposit) { return "stray:" + key_of(deposit); }
std::string own_tx_key(const db::OwnTx& tx) {
    return "own_tx:" + tx.chain.text() + "/" + tx.tx.hex0x();
}

db::Posting deposit_posting(const db::Deposit& deposit, const std::string& creditor,
                            core::Instant at) {
    return {deposit_key(deposit),
            "deposit confirmed",
            {debit(address_account(deposit.to), asset_of(deposit), units_of(deposit)),
             credit(creditor, asset_of(deposit), units_of(deposit))},
            at};
}

db::Posting stray_posting(const db::Deposit& deposit, core::Instant at) {
    return {stray_key(deposit),
            "deposit is a stray",
            {debit(session_account(deposit.session.value_or(core::SessionId{})), asset_of(deposit),
                   units_of(deposit)),
             credit(stray_account(deposit.receiver.value_or(core::ReceiverId{})), asset_of(deposit),
                    units_of(deposit))},
            at};
}

db::Posting taken_posting(const db::PayoutStep& grant, const core::SessionId& session,
                          const core::Units& units, core::Instant at) {
    return {"taken:" + std::to_string(grant.id.value),
            "taken of an allowance by the contract itself",
            {debit(session_account(session), grant.asset, units),
             credit(address_account(grant.sender), grant.asset, units)},
            at};
}

db::Posting opening_posting(const db::Fact& fact) {
    return {"opening:" + fact.asset.text() + ":" + fact.address.hex0x(),
            "balance at the first block read",
            {debit(address_account(fact.address), fact.asset, fact.units),
             credit(kOperatorAccount, fact.asset, fact.units)},
            fact.recorded_at};
}

db::Posting own_tx_posting(const db::OwnTx& tx, const core::AssetId& native,
                           const std::string& debtor, core::Instant at) {
    db::Posting posting{own_tx_key(tx),
                        tx.success ? "own transaction final" : "own transaction failed, fee paid",
                        {},
                        at};
    const std::string sender = address_account(tx.sender);
    if (!tx.fee.is_zero()) {
        posting.lines.push_back(debit(kFeesAccount, native, tx.fee));
        posting.lines.push_back(credit(sender, native, tx.fee));
    }
    if (!tx.success) return posting;
    if (!tx.native_value.is_zero() && tx.to != tx.sender) {
        posting.lines.push_back(debit(debtor, native, tx.native_value));
        posting.lines.push_back(credit(sender, native, tx.native_value));
    }
    for (const db::OwnTxTransfer& transfer : tx.transfers) {
        if (transfer.from != tx.sender || transfer.to == tx.sender) continue;
        posting.lines.push_back(debit(debtor, transfer.asset, transfer.units));
        posting.lines.push_back(credit(sender, transfer.asset, transfer.units));
    }
    return posting;
}

}  // namespace settlement
