#include <algorithm>

#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

constexpr char kInsert[] =
    "INSERT INTO facts (kind, chain, receiver_id, own_tx_id, address, asset, units, height,"
    " recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING seq";
constexpr char kInsertDeposit[] =
    "INSERT INTO fact_deposits (seq, ordinal, deposit_id, was_confirmed) VALUES (?, ?, ?, ?)";
constexpr char kAfter[] =
    "SELECT seq, kind, chain, receiver_id, own_tx_id, address, asset, units, height, recorded_at"
    " FROM facts WHERE seq > ? ORDER BY seq LIMIT ?";
constexpr char kDeposits[] =
    "SELECT deposit_id, was_confirmed FROM fact_deposits WHERE seq = ? ORDER BY ordinal";
constexpr char kCursor[] = "SELECT seq FROM cursors WHERE reader = ?";
constexpr char kAdvance[] =
    "INSERT INTO cursors (reader, seq) VALUES (?, ?)"
    " ON CONFLICT (reader) DO UPDATE SET seq = excluded.seq";
constexpr char kNewest[] = "SELECT coalesce(max(seq), 0) FROM facts";

class SqliteFacts final : public Facts {
  public:
    explicit SqliteFacts(Connection& connection) : connection_{connection} {}

    Expected<core::FactSeq> append(const Fact& fact) override {
        return guarded(connection_, [&]() -> Expected<core::FactSeq> {
            connection_.touch(Concern::kFacts);
            core::FactSeq seq;
            {
                Query query{connection_, kInsert};
                query.bind(fact.kind, fact.chain, fact.receiver, fact.own_tx, fact.address,
                           fact.asset, fact.units, fact.height, fact.recorded_at);
                if (query.step()) query.read(seq);
            }
            if (fact.deposits.empty()) return seq;
            Query query{connection_, kInsertDeposit};
            int ordinal = 0;
            for (const core::DepositId id : fact.deposits) {
                const auto& were = fact.were_confirmed;
                const bool was = std::find(were.begin(), were.end(), id) != were.end();
                query.again();
                query.bind(seq, ordinal++, id, was).run();
            }
            return seq;
        });
    }

    Expected<std::vector<Fact>> after(core::FactSeq seq, std::size_t limit) override {
        return guarded(connection_, [&]() -> Expected<std::vector<Fact>> {
            std::vector<Fact> out;
            {
                Query query{connection_, kAfter};
                query.bind(seq, limit);
                while (query.step()) {
                    Fact& f = out.emplace_back();
                    query.read(f.seq, f.kind, f.chain, f.receiver, f.own_tx, f.address, f.asset,
                               f.units, f.height, f.recorded_at);
                }
            }
            for (Fact& fact : out) read_deposits(fact);
            return out;
        });
    }

    Expected<core::FactSeq> cursor(std::string_view reader) override {
        return guarded(connection_, [&]() -> Expected<core::FactSeq> {
            core::FactSeq out;
            Query query{connection_, kCursor};
            if (query.bind(reader).step()) query.read(out);
            return out;
        });
    }

    Expected<Done> advance(std::string_view reader, core::FactSeq to) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query{connection_, kAdvance}.bind(reader, to).run();
            return Done{};
        });
    }

    Expected<core::FactSeq> newest() override {
        return guarded(connection_, [&]() -> Expected<core::FactSeq> {
            core::FactSeq out;
            Query query{connection_, kNewest};
            if (query.step()) query.read(out);
            return out;
        });
    }

  private:
    void read_deposits(Fact& fact) {
        Query query{connection_, kDeposits};
        query.bind(fact.seq);
        while (query.step()) {
            core::DepositId id;
            bool was = false;
            query.read(id, was);
            fact.deposits.push_back(id);
            if (was) fact.were_confirmed.push_back(id);
        }
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Facts> make_facts(Connection& connection) {
    return std::make_unique<SqliteFacts>(connection);
}

}  // namespace db::sqlite
