#pragma once

#include <memory>

#include "db/database.hpp"
#include "db/sqlite/connection.hpp"

namespace db::sqlite {

// The repositories over one connection, which must outlive them.
std::unique_ptr<Environments> make_environments(Connection& connection);
std::unique_ptr<Sessions> make_sessions(Connection& connection);
std::unique_ptr<Receivers> make_receivers(Connection& connection);
std::unique_ptr<Blocks> make_blocks(Connection& connection);
std::unique_ptr<Deposits> make_deposits(Connection& connection);
std::unique_ptr<OwnTxs> make_own_txs(Connection& connection);
std::unique_ptr<Facts> make_facts(Connection& connection);
std::unique_ptr<Payouts> make_payouts(Connection& connection);
std::unique_ptr<Ledger> make_ledger(Connection& connection);
std::unique_ptr<Webhooks> make_webhooks(Connection& connection);

std::unique_ptr<UnitOfWork> make_unit_of_work(Connection& connection);

}  // namespace db::sqlite
