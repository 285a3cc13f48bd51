#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

class Work final : public UnitOfWork {
  public:
    explicit Work(Connection& connection)
        : environments_{make_environments(connection)},
          sessions_{make_sessions(connection)},
          receivers_{make_receivers(connection)},
          blocks_{make_blocks(connection)},
          deposits_{make_deposits(connection)},
          own_txs_{make_own_txs(connection)},
          facts_{make_facts(connection)},
          payouts_{make_payouts(connection)},
          ledger_{make_ledger(connection)},
          webhooks_{make_webhooks(connection)} {}

    Environments& environments() override { return *environments_; }
    Sessions& sessions() override { return *sessions_; }
    Receivers& receivers() override { return *receivers_; }
    Blocks& blocks() override { return *blocks_; }
    Deposits& deposits() override { return *deposits_; }
    OwnTxs& own_txs() override { return *own_txs_; }
    Facts& facts() override { return *facts_; }
    Payouts& payouts() override { return *payouts_; }
    Ledger& ledger() override { return *ledger_; }
    Webhooks& webhooks() override { return *webhooks_; }

  private:
    std::unique_ptr<Environments> environments_;
    std::unique_ptr<Sessions> sessions_;
    std::unique_ptr<Receivers> receivers_;
    std::unique_ptr<Blocks> blocks_;
    std::unique_ptr<Deposits> deposits_;
    std::unique_ptr<OwnTxs> own_txs_;
    std::unique_ptr<Facts> facts_;
    std::unique_ptr<Payouts> payouts_;
    std::unique_ptr<Ledger> ledger_;
    std::unique_ptr<Webhooks> webhooks_;
};

}  // namespace

std::unique_ptr<UnitOfWork> make_unit_of_work(Connection& connection) {
    return std::make_unique<Work>(connection);
}

}  // namespace db::sqlite
