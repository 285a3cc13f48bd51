#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

#define OWN_TX_COLUMNS                                                                      \
    "id, chain, tx, sender, nonce, success, fee, to_address, native_value, height, block,"  \
    " mined_at, status"

constexpr char kInsert[] =
    "INSERT INTO own_txs (chain, tx, sender, nonce, success, fee, to_address, native_value,"
    " height, block, mined_at, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"
    " ON CONFLICT (tx, chain) DO NOTHING RETURNING id";
constexpr char kRevive[] =
    "UPDATE own_txs SET sender = ?, nonce = ?, success = ?, fee = ?, to_address = ?,"
    " native_value = ?, height = ?, block = ?, mined_at = ?, status = 1 WHERE id = ?";
constexpr char kDropTransfers[] = "DELETE FROM own_tx_transfers WHERE own_tx_id = ?";
constexpr char kInsertTransfer[] =
    "INSERT INTO own_tx_transfers (own_tx_id, ordinal, asset, from_address, to_address, units,"
    " position) VALUES (?, ?, ?, ?, ?, ?, ?)";
constexpr char kTransfers[] =
    "SELECT asset, from_address, to_address, units, position FROM own_tx_transfers"
    " WHERE own_tx_id = ? ORDER BY ordinal";
constexpr char kById[] = "SELECT " OWN_TX_COLUMNS " FROM own_txs WHERE id = ?";
constexpr char kByTx[] = "SELECT " OWN_TX_COLUMNS " FROM own_txs WHERE tx = ? AND chain = ?";
constexpr char kFinalWithNonce[] = "SELECT " OWN_TX_COLUMNS
                                   " FROM own_txs WHERE sender = ? AND chain = ? AND nonce = ? AND status = 2";
constexpr char kNotFinal[] =
    "SELECT " OWN_TX_COLUMNS " FROM own_txs WHERE chain = ? AND height <= ? AND status = 1"
    " ORDER BY height, id";
constexpr char kTakenNotFinal[] =
    "SELECT CASE success WHEN 1 THEN native_value ELSE '0' END, fee FROM own_txs"
    " WHERE sender = ? AND chain = ? AND status = 1";
constexpr char kAbove[] =
    "SELECT " OWN_TX_COLUMNS " FROM own_txs WHERE chain = ? AND height > ? AND status <> 3"
    " ORDER BY height, id";
constexpr char kOrphanAbove[] =
    "UPDATE own_txs SET status = 3 WHERE chain = ? AND height > ? AND status <> 3";
constexpr char kOrphan[] = "UPDATE own_txs SET status = 3 WHERE id = ? AND status IN (1, 3)";
constexpr char kFinalise[] = "UPDATE own_txs SET status = 2 WHERE id = ? AND status IN (1, 2)";

void read_tx(Query& query, OwnTx& t) {
    query.read(t.id, t.chain, t.tx, t.sender, t.nonce, t.success, t.fee, t.to, t.native_value,
               t.height, t.block, t.mined_at, t.status);
}

class SqliteOwnTxs final : public OwnTxs {
  public:
    explicit SqliteOwnTxs(Connection& connection) : connection_{connection} {}

    Expected<RecordedOwnTx> record(const OwnTx& tx) override {
        return guarded(connection_, [&]() -> Expected<RecordedOwnTx> {
            connection_.touch(Concern::kPayouts);
            RecordedOwnTx out{tx, true};
            OwnTx& t = out.tx;
            t.status = OwnTxStatus::kMined;
            bool is_new = false;
            {
                Query query{connection_, kInsert};
                query.bind(t.chain, t.tx, t.sender, t.nonce, t.success, t.fee, t.to,
                           t.native_value, t.height, t.block, t.mined_at);
                is_new = query.step();
                if (is_new) query.read(t.id);
            }
            if (is_new) {
                write_transfers(t);
                return out;
            }
            auto stored = by_tx(t.chain, t.tx);
            if (!stored) return stored.error();
            if (!*stored) return Error{Errc::kStorage, "a transaction that is there cannot be read"};
            if ((*stored)->status != OwnTxStatus::kOrphaned) {
                if ((*stored)->block == t.block) return RecordedOwnTx{std::move(**stored), false};
                return Error{Errc::kConflict, "transaction " + t.tx.hex0x() +
                                                  " stands in another block that was not taken back"};
            }
            t.id = (*stored)->id;
            Query{connection_, kRevive}
                .bind(t.sender, t.nonce, t.success, t.fee, t.to, t.native_value, t.height, t.block,
                      t.mined_at, t.id)
                .run();
            Query{connection_, kDropTransfers}.bind(t.id).run();
            write_transfers(t);
            return out;
        });
    }

    Expected<std::optional<OwnTx>> load(std::int64_t id) override { return one(kById, id); }

    Expected<std::optional<OwnTx>> by_tx(const core::ChainId& chain,
                                         const core::TxId& tx) override {
        return one(kByTx, tx, chain);
    }

    Expected<std::optional<OwnTx>> final_with_nonce(const core::ChainId& chain,
                                                    const core::Address& sender,
                                                    std::uint64_t nonce) override {
        return one(kFinalWithNonce, sender, chain, nonce);
    }

    Expected<std::vector<OwnTx>> not_final(const core::ChainId& chain,
                                           std::uint64_t up_to_height) override {
        return many(kNotFinal, chain, up_to_height);
    }

    Expected<core::Units> taken_not_final(const core::ChainId& chain,
                                          const core::Address& sender) override {
        return guarded(connection_, [&]() -> Expected<core::Units> {
            core::Units sum;
            Query query{connection_, kTakenNotFinal};
            query.bind(sender, chain);
            while (query.step()) {
                core::Units value;
                core::Units fee;
                query.read(value, fee);
                const auto both = value.plus(fee);
                if (!both) return both.error();
                const auto more = sum.plus(*both);
                if (!more) return more.error();
                sum = *more;
            }
            return sum;
        });
    }

    Expected<Done> finalise(std::int64_t id) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            if (Query{connection_, kFinalise}.bind(id).run() == 1) return Done{};
            auto stored = load(id);
            if (!stored) return stored.error();
            if (!*stored) return Error{Errc::kNotFound, "no own transaction " + std::to_string(id)};
            return Error{Errc::kConflict, "an orphaned transaction is not final"};
        });
    }

    Expected<std::vector<OwnTx>> orphan_above(const core::ChainId& chain,
                                              std::uint64_t height) override {
        return guarded(connection_, [&]() -> Expected<std::vector<OwnTx>> {
            connection_.touch(Concern::kPayouts);
            auto out = many(kAbove, chain, height);
            if (out) Query{connection_, kOrphanAbove}.bind(chain, height).run();
            return out;
        });
    }

    Expected<Done> orphan(std::int64_t id) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            if (Query{connection_, kOrphan}.bind(id).run() == 1) return Done{};
            auto stored = load(id);
            if (!stored) return stored.error();
            if (!*stored) return Error{Errc::kNotFound, "no own transaction " + std::to_string(id)};
            return Error{Errc::kConflict, "a final transaction is not taken back alone"};
        });
    }

  private:
    template <class... A>
    Expected<std::optional<OwnTx>> one(const char* sql, const A&... keys) {
        auto found = many(sql, keys...);
        if (!found) return found.error();
        if (found->empty()) return std::optional<OwnTx>{};
        return std::optional<OwnTx>{std::move(found->front())};
    }

    template <class... A>
    Expected<std::vector<OwnTx>> many(const char* sql, const A&... keys) {
        return guarded(connection_, [&]() -> Expected<std::vector<OwnTx>> {
            std::vector<OwnTx> out;
            {
                Query query{connection_, sql};
                query.bind(keys...);
                while (query.step()) read_tx(query, out.emplace_back());
            }
            for (OwnTx& tx : out) read_transfers(tx);
            return out;
        });
    }

    void write_transfers(const OwnTx& tx) {
        if (tx.transfers.empty()) return;
        Query query{connection_, kInsertTransfer};
        int ordinal = 0;
        for (const OwnTxTransfer& transfer : tx.transfers) {
            query.again();
            query.bind(tx.id, ordinal++, transfer.asset, transfer.from, transfer.to,
                       transfer.units, transfer.position);
            query.run();
        }
    }

    void read_transfers(OwnTx& tx) {
        Query query{connection_, kTransfers};
        query.bind(tx.id);
        while (query.step()) {
            OwnTxTransfer& t = tx.transfers.emplace_back();
            query.read(t.asset, t.from, t.to, t.units, t.position);
        }
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<OwnTxs> make_own_txs(Connection& connection) {
    return std::make_unique<SqliteOwnTxs>(connection);
}

}  // namespace db::sqlite
