#include "db/sqlite/factories.hpp"

#include <algorithm>
#include <set>

namespace db::sqlite {
namespace {

#define DEPOSIT_COLUMNS                                                                         \
    "d.id, d.chain, d.key, d.tx, d.position, d.kind, d.asset, d.from_address, d.to_address,"    \
    " d.receiver_id, d.session_id, d.units, d.height, d.block, d.mined_at, d.status,"           \
    " coalesce(c.counted, 0), c.can_fund, c.use, c.asset, c.units, c.mined_at, d.detected_at,"  \
    " d.confirmed_at"
#define FROM_DEPOSITS " FROM deposits d LEFT JOIN claims c ON c.key = d.key AND c.chain = d.chain"

constexpr char kReceiver[] =
    "SELECT r.id, r.session_id, s.environment_id FROM receivers r"
    " JOIN sessions s ON s.id = r.session_id WHERE r.address = ? AND r.family = ?";
constexpr char kReceiverById[] =
    "SELECT r.id, r.session_id, s.environment_id FROM receivers r"
    " JOIN sessions s ON s.id = r.session_id WHERE r.id = ?";
constexpr char kInsert[] =
    "INSERT INTO deposits (environment_id, chain, key, tx, position, kind, asset, from_address,"
    " to_address, receiver_id, session_id, units, height, block, mined_at, status,"
    " detected_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)"
    " ON CONFLICT (key, chain) DO NOTHING RETURNING id";
constexpr char kRevive[] =
    "UPDATE deposits SET environment_id = ?, tx = ?, position = ?, kind = ?, asset = ?,"
    " from_address = ?, to_address = ?, receiver_id = ?, session_id = ?, units = ?, height = ?,"
    " block = ?, mined_at = ?, status = 1, detected_at = ?, confirmed_at = NULL"
    " WHERE id = ?";
constexpr char kByKey[] = "SELECT " DEPOSIT_COLUMNS FROM_DEPOSITS " WHERE d.key = ? AND d.chain = ?";
constexpr char kById[] = "SELECT " DEPOSIT_COLUMNS FROM_DEPOSITS " WHERE d.id = ?";
constexpr char kOfSession[] =
    "SELECT " DEPOSIT_COLUMNS FROM_DEPOSITS " WHERE d.session_id = ? ORDER BY d.id";
constexpr char kCountOfSession[] = "SELECT count(*) FROM deposits WHERE session_id = ?";
#define FROM_SESSION_DEPOSITS FROM_DEPOSITS " JOIN sessions s ON s.id = d.session_id"
// Amounts are decimal text: of two, the longer one is larger.
constexpr char kForemost[] =
    "SELECT " DEPOSIT_COLUMNS FROM_SESSION_DEPOSITS
    " WHERE d.session_id = ? ORDER BY CASE WHEN c.use IN (1, 2) THEN 0"
    " WHEN c.use IS NULL AND d.status <> 3 AND d.asset = s.dest_asset"
    " AND d.mined_at <= s.expires_at THEN 1 ELSE 2 END,"
    " length(d.units) DESC, d.units DESC, d.id LIMIT ?";
constexpr char kAlike[] =
    "SELECT d.id, d.asset, d.status, c.can_fund, c.use, d.mined_at > s.expires_at,"
    " d.units" FROM_SESSION_DEPOSITS " WHERE d.session_id = ?";
constexpr char kSessionOf[] = "SELECT session_id FROM deposits WHERE id = ?";
constexpr char kOfTx[] =
    "SELECT " DEPOSIT_COLUMNS FROM_DEPOSITS
    " WHERE d.key >= ?1 || ':' AND d.key < ?1 || ';' AND d.tx = ?1 ORDER BY d.chain, d.position";
constexpr char kUnconfirmed[] =
    "SELECT " DEPOSIT_COLUMNS FROM_DEPOSITS
    " WHERE d.chain = ? AND d.height <= ? AND d.status = 1 ORDER BY d.height, d.id";
constexpr char kAbove[] =
    "SELECT " DEPOSIT_COLUMNS FROM_DEPOSITS
    " WHERE d.chain = ? AND d.height > ? AND d.status <> 3 ORDER BY d.height, d.id";
constexpr char kOrphanAbove[] =
    "UPDATE deposits SET status = 3 WHERE chain = ? AND height > ? AND status <> 3";
constexpr char kOrphan[] = "UPDATE deposits SET status = 3 WHERE id = ? AND status IN (1, 3)";
constexpr char kConfirm[] =
    "UPDATE deposits SET status = 2, confirmed_at = ? WHERE id = ? AND status = 1";
constexpr char kMemory[] =
    "SELECT counted, can_fund, use, asset, units, mined_at FROM claims WHERE key = ? AND chain = ?";
constexpr char kSetCounted[] =
    "INSERT INTO claims (key, chain, counted, can_fund, asset, units, mined_at)"
    " SELECT key, chain, ?2, ?3, asset, units, mined_at FROM deposits WHERE id = ?1"
    " ON CONFLICT (key, chain) DO UPDATE SET can_fund = excluded.can_fund,"
    " asset = CASE counted WHEN 0 THEN excluded.asset ELSE asset END,"
    " units = CASE counted WHEN 0 THEN excluded.units ELSE units END,"
    " mined_at = CASE counted WHEN 0 THEN excluded.mined_at ELSE mined_at END,"
    " counted = excluded.counted";
constexpr char kClaimed[] =
    "SELECT c.use, d.status FROM deposits d JOIN claims c ON c.key = d.key AND c.chain = d.chain"
    " WHERE d.session_id = ? AND coalesce(c.asset, d.asset) = ? AND c.use IS NOT NULL";
constexpr char kClaim[] =
    "INSERT INTO claims (key, chain, use) SELECT key, chain, ?2 FROM deposits WHERE id = ?1"
    " ON CONFLICT (key, chain) DO UPDATE SET use = excluded.use WHERE use IS NULL";
constexpr char kReclaim[] =
    "UPDATE claims SET use = ?2 WHERE use IS NOT NULL"
    " AND (key, chain) = (SELECT key, chain FROM deposits WHERE id = ?1)";
constexpr char kResiduals[] =
    "SELECT count(*) FROM deposits WHERE to_address = ? AND chain = ? AND tx = '' AND status <> 3"
    " AND instr(asset, '/slip44:') > 0";
// 1: deposits; 2: what own transactions brought; 3: what they took, with their fees.
constexpr char kNativeBooks[] =
    "SELECT 1, units, '0' FROM deposits WHERE to_address = ?3 AND chain = ?1 AND asset = ?2"
    " AND status <> 3 AND instr(asset, '/slip44:') > 0"
    // Signed by ourselves: what others signed with our keys has deposits among its rows.
    " UNION ALL SELECT 2, native_value, '0' FROM own_txs o"
    " WHERE to_address = ?3 AND chain = ?1 AND success = 1 AND status <> 3"
    " AND EXISTS (SELECT 1 FROM attempts a WHERE a.tx = o.tx AND a.chain = o.chain)"
    " UNION ALL SELECT 3, CASE success WHEN 1 THEN native_value ELSE '0' END, fee FROM own_txs"
    " WHERE sender = ?3 AND chain = ?1 AND status <> 3";
constexpr char kNativeChanges[] = "SELECT count FROM native_changes WHERE chain = ?";
constexpr char kCountDetected[] = "SELECT count(*) FROM deposits WHERE status = 1";
constexpr char kCountLive[] = "SELECT count(*) FROM deposits WHERE status <> 3";
constexpr char kCountOrphaned[] = "SELECT count(*) FROM deposits WHERE status = 3";

std::optional<CountedAs> counted_as(const std::optional<core::AssetId>& asset,
                                    const std::optional<core::Units>& units,
                                    const std::optional<core::Instant>& mined_at) {
    if (!asset || !units || !mined_at) return std::nullopt;
    return CountedAs{*asset, *units, *mined_at};
}

void read_deposit(Query& query, Deposit& d) {
    std::optional<core::AssetId> asset;
    std::optional<core::Units> units;
    std::optional<core::Instant> mined_at;
    query.read(d.id, d.chain, d.key, d.tx, d.position, d.kind, d.asset, d.from, d.to, d.receiver,
               d.session, d.units, d.height, d.block, d.mined_at, d.status, d.counted, d.can_fund,
               d.claim, asset, units, mined_at, d.detected_at, d.confirmed_at);
    d.counted_as = counted_as(asset, units, mined_at);
}

Error no_deposit(core::DepositId id) {
    return Error{Errc::kNotFound, "no deposit " + std::to_string(id.value)};
}

class SqliteDeposits final : public Deposits {
  public:
    explicit SqliteDeposits(Connection& connection) : connection_{connection} {}

    Expected<RecordedDeposit> record(const Deposit& deposit) override {
        return guarded(connection_, [&]() -> Expected<RecordedDeposit> {
            RecordedDeposit out{deposit, true};
            Deposit& d = out.deposit;
            std::optional<core::EnvironmentId> environment;
            if (auto owned = find_owner(d, environment); !owned) return owned.error();
            if (d.session) connection_.touch(*d.session);
            d.status = DepositStatus::kDetected;
            d.confirmed_at.reset();
            read_memory(d);
            {
                Query query{connection_, kInsert};
                query.bind(environment, d.chain, d.key, d.tx, d.position, d.kind, d.asset, d.from,
                           d.to, d.receiver, d.session, d.units, d.height, d.block, d.mined_at,
                           d.detected_at);
                if (query.step()) {
                    query.read(d.id);
                    return out;
                }
            }
            return meet_again(std::move(d), environment);
        });
    }

    Expected<std::optional<Deposit>> load(core::DepositId id) override {
        return guarded(connection_, [&]() -> Expected<std::optional<Deposit>> {
            std::optional<Deposit> out;
            Query query{connection_, kById};
            if (query.bind(id).step()) read_deposit(query, out.emplace());
            return out;
        });
    }

    Expected<std::vector<Deposit>> load_many(const std::vector<core::DepositId>& ids) override {
        std::vector<Deposit> out;
        out.reserve(ids.size());
        for (const core::DepositId id : ids) {
            auto deposit = load(id);
            if (!deposit) return deposit.error();
            if (!*deposit) return no_deposit(id);
            out.push_back(std::move(**deposit));
        }
        return out;
    }

    Expected<std::vector<Deposit>> of_session(const core::SessionId& session) override {
        return many(kOfSession, session);
    }

    Expected<DepositsInBrief> in_brief(const core::SessionId& session,
                                       std::size_t most) override {
        return guarded(connection_, [&]() -> Expected<DepositsInBrief> {
            DepositsInBrief out;
            std::uint64_t count = 0;
            {
                Query query{connection_, kCountOfSession};
                if (query.bind(session).step()) query.read(count);
            }
            auto listed = count <= most ? many(kOfSession, session)
                                        : many(kForemost, session, most);
            if (!listed) return listed.error();
            out.listed = std::move(*listed);
            if (count <= most) return out;
            std::sort(out.listed.begin(), out.listed.end(),
                      [](const Deposit& a, const Deposit& b) { return a.id.value < b.id.value; });
            add_others(session, out);
            return out;
        });
    }

    Expected<std::vector<Deposit>> of_tx(const core::TxId& tx) override { return many(kOfTx, tx); }

    Expected<std::vector<Deposit>> unconfirmed(const core::ChainId& chain,
                                               std::uint64_t up_to_height) override {
        return many(kUnconfirmed, chain, up_to_height);
    }

    Expected<Done> confirm(core::DepositId id, core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            touch_session_of(id);
            if (Query{connection_, kConfirm}.bind(at, id).run() == 1) return Done{};
            auto stored = load(id);
            if (!stored) return stored.error();
            if (!*stored) return no_deposit(id);
            if ((*stored)->status == DepositStatus::kConfirmed) return Done{};
            return Error{Errc::kConflict, "an orphaned deposit is not confirmed"};
        });
    }

    Expected<std::vector<Deposit>> orphan_above(const core::ChainId& chain,
                                                std::uint64_t height) override {
        return guarded(connection_, [&]() -> Expected<std::vector<Deposit>> {
            auto out = many(kAbove, chain, height);
            if (!out) return out;
            Query{connection_, kOrphanAbove}.bind(chain, height).run();
            for (const Deposit& deposit : *out) {
                if (deposit.session) connection_.touch(*deposit.session);
            }
            return out;
        });
    }

    Expected<Done> orphan(core::DepositId id) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            touch_session_of(id);
            if (Query{connection_, kOrphan}.bind(id).run() == 1) return Done{};
            auto stored = load(id);
            if (!stored) return stored.error();
            if (!*stored) return no_deposit(id);
            return Error{Errc::kConflict, "a confirmed deposit is not taken back alone"};
        });
    }

    Expected<Done> set_counted(core::DepositId id, Counted counted, bool can_fund) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            touch_session_of(id);
            if (Query{connection_, kSetCounted}.bind(id, counted, can_fund).run() == 1) {
                return Done{};
            }
            return no_deposit(id);
        });
    }

    Expected<bool> claims_stand(const core::SessionId& session, const core::AssetId& asset,
                                const std::vector<ClaimUse>& uses) override {
        return guarded(connection_, [&]() -> Expected<bool> {
            Query query{connection_, kClaimed};
            query.bind(session, asset);
            bool any = false;
            while (query.step()) {
                ClaimUse use{};
                DepositStatus status{};
                query.read(use, status);
                if (std::find(uses.begin(), uses.end(), use) == uses.end()) continue;
                if (status != DepositStatus::kConfirmed) return false;
                any = true;
            }
            return any;
        });
    }

    Expected<Done> claim(core::DepositId id, ClaimUse use) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            touch_session_of(id);
            if (Query{connection_, kClaim}.bind(id, use).run() == 1) return Done{};
            auto stored = load(id);
            if (!stored) return stored.error();
            if (!*stored) return no_deposit(id);
            return Error{Errc::kConflict,
                         "deposit " + std::to_string(id.value) + " is claimed already"};
        });
    }

    Expected<Done> reclaim(core::DepositId id, ClaimUse use) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            touch_session_of(id);
            if (Query{connection_, kReclaim}.bind(id, use).run() == 1) return Done{};
            return Error{Errc::kNotFound,
                         "deposit " + std::to_string(id.value) + " is not claimed"};
        });
    }

    Expected<std::uint64_t> residual_count(const core::ChainId& chain,
                                           const core::Address& to) override {
        return guarded(connection_, [&]() -> Expected<std::uint64_t> {
            std::uint64_t out = 0;
            Query query{connection_, kResiduals};
            if (query.bind(to, chain).step()) query.read(out);
            return out;
        });
    }

    Expected<std::vector<std::optional<core::Units>>> native_expected(
        const core::ChainId& chain, const core::AssetId& native,
        const std::vector<core::Address>& addresses) override {
        using All = std::vector<std::optional<core::Units>>;
        return guarded(connection_, [&]() -> Expected<All> {
            All out;
            out.reserve(addresses.size());
            // One statement for all: each block asks about every address that waits for coin.
            Query query{connection_, kNativeBooks};
            query.bind(chain, native);
            for (const core::Address& address : addresses) {
                query.again_from(2).bind(address);
                auto one = sum_of_books(query);
                if (!one) return one.error();
                out.push_back(std::move(*one));
            }
            return out;
        });
    }

    Expected<std::int64_t> native_changes(const core::ChainId& chain) override {
        return guarded(connection_, [&]() -> Expected<std::int64_t> {
            std::int64_t out = 0;
            Query query{connection_, kNativeChanges};
            if (query.bind(chain).step()) query.read(out);
            return out;
        });
    }

    Expected<std::int64_t> count(DepositStatus status) override {
        return guarded(connection_, [&]() -> Expected<std::int64_t> {
            switch (status) {
                case DepositStatus::kDetected: return number(kCountDetected);
                case DepositStatus::kOrphaned: return number(kCountOrphaned);
                case DepositStatus::kConfirmed: break;
            }
            return number(kCountLive) - number(kCountDetected);
        });
    }

  private:
    Expected<Done> find_owner(Deposit& d, std::optional<core::EnvironmentId>& environment) {
        Query query{connection_, d.receiver ? kReceiverById : kReceiver};
        if (d.receiver) {
            query.bind(*d.receiver);
        } else {
            query.bind(d.to, d.chain.name_space());
        }
        if (query.step()) {
            query.read(d.receiver.emplace(), d.session.emplace(), environment.emplace());
        } else if (d.receiver) {
            return Error{Errc::kNotFound, "no receiver " + std::to_string(d.receiver->value)};
        }
        return Done{};
    }

    //! What settlement knows of this key already; a row restored by replay is not new to it.
    void read_memory(Deposit& d) {
        d.counted = Counted::kNot;
        d.can_fund.reset();
        d.claim.reset();
        std::optional<core::AssetId> asset;
        std::optional<core::Units> units;
        std::optional<core::Instant> mined_at;
        Query query{connection_, kMemory};
        if (query.bind(d.key, d.chain).step()) {
            query.read(d.counted, d.can_fund, d.claim, asset, units, mined_at);
        }
        d.counted_as = counted_as(asset, units, mined_at);
    }

    //! The key is known: the same block again, a new block after a reorg, or a caller's mistake.
    Expected<RecordedDeposit> meet_again(Deposit fresh,
                                         const std::optional<core::EnvironmentId>& environment) {
        Deposit stored;
        {
            Query query{connection_, kByKey};
            if (!query.bind(fresh.key, fresh.chain).step()) {
                return Error{Errc::kStorage, "a deposit that is there cannot be read"};
            }
            read_deposit(query, stored);
        }
        if (stored.status != DepositStatus::kOrphaned) {
            if (stored.block == fresh.block) return RecordedDeposit{std::move(stored), false};
            return Error{Errc::kConflict, "deposit " + stored.key +
                                              " stands in another block that was not taken back"};
        }
        Deposit& d = fresh;
        d.id = stored.id;
        Query query{connection_, kRevive};
        query.bind(environment, d.tx, d.position, d.kind, d.asset, d.from, d.to, d.receiver,
                   d.session, d.units, d.height, d.block, d.mined_at, d.detected_at, d.id);
        query.run();
        return RecordedDeposit{std::move(fresh), true};
    }

    template <class... A>
    Expected<std::vector<Deposit>> many(const char* sql, const A&... keys) {
        return guarded(connection_, [&]() -> Expected<std::vector<Deposit>> {
            std::vector<Deposit> out;
            Query query{connection_, sql};
            query.bind(keys...);
            while (query.step()) read_deposit(query, out.emplace_back());
            return out;
        });
    }

    void add_others(const core::SessionId& session, DepositsInBrief& out) {
        std::set<std::int64_t> listed;
        for (const Deposit& deposit : out.listed) listed.insert(deposit.id.value);
        Query query{connection_, kAlike};
        query.bind(session);
        while (query.step()) {
            core::DepositId id;
            DepositGroup one;
            query.read(id, one.asset, one.status, one.can_fund, one.claim, one.late, one.units);
            if (listed.contains(id.value)) continue;
            const auto alike = std::find_if(
                out.others.begin(), out.others.end(), [&](const DepositGroup& group) {
                    return group.asset == one.asset && group.status == one.status &&
                           group.can_fund == one.can_fund && group.claim == one.claim &&
                           group.late == one.late;
                });
            DepositGroup& group = alike != out.others.end()
                                      ? *alike
                                      : out.others.emplace_back(DepositGroup{
                                            one.asset, one.status, one.can_fund, one.claim,
                                            one.late, 0, core::Units{}});
            ++group.count;
            if (auto sum = group.units.plus(one.units)) group.units = *sum;
        }
    }

    void touch_session_of(core::DepositId id) {
        std::optional<core::SessionId> session;
        Query query{connection_, kSessionOf};
        if (query.bind(id).step()) query.read(session);
        if (session) connection_.touch(*session);
    }

    static Expected<Done> add(core::Units& sum, const core::Units& more) {
        auto total = sum.plus(more);
        if (!total) return total.error();
        sum = *total;
        return Done{};
    }

    static Expected<std::optional<core::Units>> sum_of_books(Query& query) {
        core::Units in;
        core::Units out;
        while (query.step()) {
            int kind = 0;
            core::Units value;
            core::Units fee;
            query.read(kind, value, fee);
            core::Units& side = kind == 3 ? out : in;
            if (auto added = add(side, value); !added) return added.error();
            if (auto added = add(side, fee); !added) return added.error();
        }
        if (out > in) return std::optional<core::Units>{};
        return std::optional<core::Units>{*in.minus(out)};
    }

    std::int64_t number(const char* sql) {
        std::int64_t out = 0;
        Query query{connection_, sql};
        if (query.step()) query.read(out);
        return out;
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Deposits> make_deposits(Connection& connection) {
    return std::make_unique<SqliteDeposits>(connection);
}

}  // namespace db::sqlite
