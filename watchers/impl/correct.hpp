#pragma once

#include "chains/ports/reader.hpp"
#include "core/expected.hpp"
#include "core/time.hpp"
#include "db/database.hpp"

// Rows that one endpoint's word had made and that several refute. Runs inside write jobs.
//
// As after a reorganisation: the row is taken back and recorded anew in the same block, with a fact for
// each, so that nothing which was derived from it stands. What is final or confirmed was agreed on by
// several and is never touched.
namespace watchers {

//! Nobody alone refutes what another alone has said.
inline constexpr unsigned kAgainstOneMin = 2;

//! A row as the reader would have told it.
chains::TransferSeen transfer_of(const db::Deposit& deposit);
chains::OwnTxSeen own_of(const db::OwnTx& own);
bool is_same(const chains::OwnTxSeen& one, const chains::OwnTxSeen& other);

//! Asks of a transaction nothing but whether it is in its block (corroborate_absent()).
chains::TransferSeen only_tx(const core::TxId& tx);

//! A transaction of ours that is not in its block. False when the row is not any more what was refuted.
core::Expected<bool> take_back_own(db::UnitOfWork& work, const chains::ChainInfo& info,
                                   const db::OwnTx& refuted, core::Instant now);

//! False when the row is not any more what was refuted.
core::Expected<bool> correct_own(db::UnitOfWork& work, const chains::ChainInfo& info,
                                 const db::OwnTx& refuted, const chains::OwnTxSeen& agreed,
                                 core::Instant now);

//! A payment that is not in its block. False when the row is not any more what was refuted, or what a
//! session has lived on before.
core::Expected<bool> take_back(db::UnitOfWork& work, const chains::ChainInfo& info,
                               const db::Deposit& refuted, core::Instant now);

//! `block`: the same block, of the time that is agreed on. False also where it is another's money, or was
//! counted for good before a reorganisation.
core::Expected<bool> correct_deposit(db::UnitOfWork& work, const chains::ChainInfo& info,
                                     const db::Deposit& refuted, const core::BlockRef& block,
                                     const chains::TransferSeen& agreed, core::Instant now);

}  // namespace watchers
