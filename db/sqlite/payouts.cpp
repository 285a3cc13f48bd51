#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

#define PAYOUT_COLUMNS                                                                       \
    "id, session_id, environment_id, leg, asset, receiver_id, sender, recipient, units,"     \
    " calldata, status, held_from, reason, waiting_for, claims_key, version, created_at,"    \
    " updated_at"
#define STEP_COLUMNS                                                                         \
    "s.id, s.payout_id, s.ordinal, s.kind, s.key_role, s.key_index, s.sender, s.recipient,"  \
    " s.asset, s.units, s.gas_limit, s.nonce, s.status, s.reason"
#define ATTEMPT_COLUMNS                                                                      \
    "a.id, a.step_id, a.tx, a.raw, a.max_fee, a.max_priority_fee, a.status, a.send_count,"   \
    " a.last_answer, a.signed_at, a.sent_at"

constexpr char kPlan[] =
    "INSERT INTO payouts (session_id, environment_id, leg, chain, asset, receiver_id, sender,"
    " recipient, units, calldata, status, held_from, reason, waiting_for, claims_key, version,"
    " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?)"
    " RETURNING id";
constexpr char kById[] = "SELECT " PAYOUT_COLUMNS " FROM payouts WHERE id = ?";
constexpr char kOfSession[] =
    "SELECT " PAYOUT_COLUMNS " FROM payouts WHERE session_id = ? ORDER BY id";
constexpr char kNewestOfSession[] =
    "SELECT " PAYOUT_COLUMNS " FROM"
    " (SELECT * FROM payouts WHERE session_id = ? ORDER BY id DESC LIMIT ?) ORDER BY id";
// Leg 4: stray. Of payouts 7, 8: final_failed, dead; of steps 3, 4: call, transfer, and 7: final_failed.
constexpr char kFailedSteps[] =
    "SELECT " STEP_COLUMNS " FROM payouts p JOIN payout_steps s ON s.payout_id = p.id"
    " WHERE p.session_id = ?1 AND p.asset = ?2 AND (p.leg = 4) = (?3 = 4) AND p.status IN (7, 8)"
    " AND s.kind IN (3, 4) AND s.status = 7 ORDER BY s.id";
// The few steps that are alive first: the other way round every payout that ever ended is looked at.
constexpr char kActive[] =
    "SELECT " PAYOUT_COLUMNS " FROM payouts WHERE chain = ?1 AND id > ?2 AND id IN"
    " (SELECT id FROM payouts WHERE status IN (1, 2, 3, 4, 5) AND chain = ?1"
    "  UNION SELECT s.payout_id FROM payout_steps s INDEXED BY payout_steps_alive"
    "  CROSS JOIN payouts p ON p.id = s.payout_id"
    "  WHERE s.status NOT IN (6, 7, 8) AND p.status IN (6, 7, 8))"
    " ORDER BY id LIMIT ?3";
// And the last refund of each session that is held because it failed.
constexpr char kHeld[] =
    "SELECT " PAYOUT_COLUMNS " FROM payouts WHERE status = 9 OR id IN"
    " (SELECT max(r.id) FROM sessions s CROSS JOIN payouts r ON r.session_id = s.id AND r.leg = 2"
    "  WHERE s.state = 11 AND s.reason = 4 GROUP BY s.id)"
    " ORDER BY id";
constexpr char kSave[] =
    "UPDATE payouts SET status = ?, held_from = ?, reason = ?, waiting_for = ?, updated_at = ?,"
    " version = version + 1 WHERE id = ? AND version = ?";
constexpr char kExists[] = "SELECT 1 FROM payouts WHERE id = ?";
constexpr char kCount[] = "SELECT status, count(*) FROM payouts GROUP BY status ORDER BY status";

constexpr char kAddStep[] =
    "INSERT INTO payout_steps (payout_id, ordinal, kind, key_role, key_index, sender, recipient,"
    " asset, units, gas_limit, nonce, status, reason)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id";
constexpr char kSaveStep[] =
    "UPDATE payout_steps SET (payout_id, ordinal, kind, key_role, key_index, sender, recipient,"
    " asset, units, gas_limit, nonce, status, reason)"
    " = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?";
constexpr char kSteps[] =
    "SELECT " STEP_COLUMNS " FROM payout_steps s WHERE s.payout_id = ? ORDER BY s.ordinal";
constexpr char kStepById[] = "SELECT " STEP_COLUMNS " FROM payout_steps s WHERE s.id = ?";
constexpr char kByNonce[] =
    "SELECT " STEP_COLUMNS " FROM nonces n JOIN payout_steps s ON s.id = n.step_id"
    " WHERE n.chain = ? AND n.sender = ? AND n.nonce = ?";

constexpr char kNonceOfStep[] =
    "SELECT nonce FROM nonces WHERE step_id = ? AND chain = ? AND sender = ?";
constexpr char kHighestNonce[] = "SELECT max(nonce) FROM nonces WHERE chain = ? AND sender = ?";
constexpr char kReserve[] = "INSERT INTO nonces (chain, sender, nonce, step_id) VALUES (?, ?, ?, ?)";
constexpr char kSetNonce[] = "UPDATE payout_steps SET nonce = ? WHERE id = ? AND sender = ?";
constexpr char kOpenNonces[] =
    "SELECT n.nonce, n.step_id FROM payout_steps s JOIN nonces n ON n.step_id = s.id"
    " WHERE s.sender = ?2 AND s.status NOT IN (6, 7, 8) AND n.chain = ?1 AND n.sender = ?2"
    " ORDER BY n.nonce";

// 1: top-up; 3, 4, 5: signed, sent, seen. The third condition is the index's.
constexpr char kTopUpsInFlight[] =
    "SELECT s.units, (SELECT o.id FROM attempts a"
    "  JOIN own_txs o ON o.tx = a.tx AND o.chain = a.chain"
    "  WHERE a.step_id = s.id AND o.status <> 3 LIMIT 1)"
    " FROM payout_steps s WHERE s.recipient = ?2 AND s.asset = ?1 AND s.kind = 1"
    " AND s.status IN (3, 4, 5) AND s.status NOT IN (6, 7, 8)"
    " UNION ALL SELECT s.units, NULL FROM payout_steps s WHERE s.id IN"
    "  (SELECT a.step_id FROM own_txs o JOIN attempts a ON a.tx = o.tx AND a.chain = o.chain"
    "   WHERE o.chain = ?3 AND o.status = 3)"
    " AND s.kind = 1 AND s.recipient = ?2 AND s.asset = ?1"
    " AND EXISTS (SELECT 1 FROM lost_steps l WHERE l.step_id = s.id)";
// Bids of one step for the same nonce: at most one of them stands.
constexpr char kStanding[] =
    "SELECT n.tx FROM own_txs o JOIN attempts a ON a.tx = o.tx AND a.chain = o.chain"
    " JOIN attempts b ON b.step_id = a.step_id"
    " JOIN own_txs n ON n.tx = b.tx AND n.chain = b.chain"
    " WHERE o.chain = ? AND o.tx = ? AND o.status = 3 AND n.status <> 3 LIMIT 1";
constexpr char kMinedValue[] =
    "SELECT CASE success WHEN 1 THEN native_value ELSE '0' END, status FROM own_txs WHERE id = ?";

constexpr char kAddAttempt[] =
    "INSERT INTO attempts (step_id, chain, tx, raw, max_fee, max_priority_fee, status,"
    " send_count, last_answer, signed_at, sent_at)"
    " SELECT s.id, p.chain, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10"
    " FROM payout_steps s JOIN payouts p ON p.id = s.payout_id WHERE s.id = ?1 RETURNING id";
constexpr char kSaveAttempt[] =
    "UPDATE attempts SET step_id = ?, tx = ?, raw = ?, max_fee = ?, max_priority_fee = ?,"
    " status = ?, send_count = ?, last_answer = ?, signed_at = ?, sent_at = ? WHERE id = ?";
constexpr char kAttempts[] =
    "SELECT " ATTEMPT_COLUMNS " FROM payout_steps s JOIN attempts a ON a.step_id = s.id"
    " WHERE s.payout_id = ? ORDER BY a.id";
constexpr char kAttemptByTx[] =
    "SELECT " ATTEMPT_COLUMNS " FROM attempts a WHERE a.tx = ? AND a.chain = ?";

// The subquery names `a` so that it runs for the few final ones only: it reads a sender's whole history.
constexpr char kLost[] =
    "SELECT " ATTEMPT_COLUMNS " FROM own_txs o JOIN attempts a ON a.tx = o.tx AND a.chain = o.chain"
    " WHERE o.chain = ? AND o.status = 3 AND a.status IN (4, 5) AND NOT EXISTS"
    " (SELECT 1 FROM own_txs n WHERE n.sender = o.sender AND n.chain = a.chain"
    "  AND n.nonce = o.nonce AND n.status <> 3) ORDER BY o.sender, o.nonce";

constexpr char kIsLost[] = "SELECT 1 FROM lost_steps WHERE step_id = ?";

constexpr char kEndGrant[] =
    "INSERT INTO ended_allowances (step_id, height, missing, at) VALUES (?, ?, ?, ?)";
constexpr char kEndedGrants[] =
    "SELECT e.step_id, e.height, e.missing, e.at FROM payouts p"
    " JOIN payout_steps s ON s.payout_id = p.id JOIN ended_allowances e ON e.step_id = s.id"
    " WHERE p.session_id = ? ORDER BY e.step_id";

void read_payout(Query& query, Payout& p) {
    query.read(p.id, p.session, p.environment, p.leg, p.asset, p.receiver, p.sender, p.recipient,
               p.units, p.calldata, p.status, p.held_from, p.reason, p.waiting_for, p.claims_key,
               p.version, p.created_at, p.updated_at);
}

void bind_step(Query& query, const PayoutStep& s) {
    query.bind(s.payout, s.ordinal, s.kind, s.key_role, s.key_index, s.sender, s.recipient,
               s.asset, s.units, s.gas_limit, s.nonce, s.status, s.reason);
}

void read_step(Query& query, PayoutStep& s) {
    query.read(s.id, s.payout, s.ordinal, s.kind, s.key_role, s.key_index, s.sender, s.recipient,
               s.asset, s.units, s.gas_limit, s.nonce, s.status, s.reason);
}

void bind_attempt(Query& query, const Attempt& a) {
    query.bind(a.step, a.tx, a.raw, a.max_fee, a.max_priority_fee, a.status, a.send_count,
               a.last_answer, a.signed_at, a.sent_at);
}

void read_attempt(Query& query, Attempt& a) {
    query.read(a.id, a.step, a.tx, a.raw, a.max_fee, a.max_priority_fee, a.status, a.send_count,
               a.last_answer, a.signed_at, a.sent_at);
}

class SqlitePayouts final : public Payouts {
  public:
    explicit SqlitePayouts(Connection& connection) : connection_{connection} {}

    Expected<core::PayoutId> plan(const Payout& p) override {
        return guarded(connection_, [&]() -> Expected<core::PayoutId> {
            connection_.touch(Concern::kPayouts);
            core::PayoutId id;
            Query query{connection_, kPlan};
            query.bind(p.session, p.environment, p.leg, p.asset.chain(), p.asset, p.receiver,
                       p.sender, p.recipient, p.units, p.calldata, p.status, p.held_from, p.reason,
                       p.waiting_for, p.claims_key, p.created_at, p.updated_at);
            if (query.step()) query.read(id);
            return id;
        });
    }

    Expected<std::optional<PayoutFull>> load(core::PayoutId id) override {
        auto found = many(kById, id);
        if (!found) return found.error();
        if (found->empty()) return std::optional<PayoutFull>{};
        return std::optional<PayoutFull>{std::move(found->front())};
    }

    Expected<std::vector<PayoutFull>> of_session(const core::SessionId& session) override {
        return many(kOfSession, session);
    }

    Expected<std::vector<PayoutFull>> newest_of_session(const core::SessionId& session,
                                                        std::size_t limit) override {
        return many(kNewestOfSession, session, limit);
    }

    Expected<std::vector<PayoutStep>> failed_steps(const Payout& payout) override {
        return guarded(connection_, [&]() -> Expected<std::vector<PayoutStep>> {
            std::vector<PayoutStep> out;
            Query query{connection_, kFailedSteps};
            query.bind(payout.session, payout.asset, payout.leg);
            while (query.step()) read_step(query, out.emplace_back());
            return out;
        });
    }

    Expected<std::vector<PayoutFull>> active(const core::ChainId& chain, core::PayoutId after,
                                             std::size_t limit) override {
        return many(kActive, chain, after, limit);
    }

    Expected<std::vector<PayoutFull>> held() override { return many(kHeld); }

    Expected<Done> save(const Payout& p) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            {
                Query query{connection_, kSave};
                query.bind(p.status, p.held_from, p.reason, p.waiting_for, p.updated_at, p.id,
                           p.version);
                if (query.run() == 1) return Done{};
            }
            Query query{connection_, kExists};
            if (query.bind(p.id).step()) {
                return Error{Errc::kConflict, "the payout changed meanwhile"};
            }
            return Error{Errc::kNotFound, "no payout " + std::to_string(p.id.value)};
        });
    }

    Expected<core::StepId> add_step(const PayoutStep& step) override {
        return guarded(connection_, [&]() -> Expected<core::StepId> {
            connection_.touch(Concern::kPayouts);
            core::StepId id;
            Query query{connection_, kAddStep};
            bind_step(query, step);
            if (query.step()) query.read(id);
            return id;
        });
    }

    Expected<Done> save_step(const PayoutStep& step) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            Query query{connection_, kSaveStep};
            bind_step(query, step);
            if (query.bind(step.id).run() == 1) return Done{};
            return Error{Errc::kNotFound, "no step " + std::to_string(step.id.value)};
        });
    }

    Expected<std::uint64_t> reserve_nonce(const core::ChainId& chain, const core::Address& sender,
                                          std::uint64_t chain_nonce, core::StepId step) override {
        return guarded(connection_, [&]() -> Expected<std::uint64_t> {
            connection_.touch(Concern::kPayouts);
            std::uint64_t nonce = chain_nonce;
            {
                // Asked again after a crash between two commits: the step keeps what it has.
                Query query{connection_, kNonceOfStep};
                if (query.bind(step, chain, sender).step()) {
                    query.read(nonce);
                    return nonce;
                }
            }
            {
                std::optional<std::uint64_t> highest;
                Query query{connection_, kHighestNonce};
                if (query.bind(chain, sender).step()) query.read(highest);
                if (highest && *highest >= nonce) nonce = *highest + 1;
            }
            // The step first: its triggers refuse before a nonce is spent.
            if (Query{connection_, kSetNonce}.bind(nonce, step, sender).run() == 0) {
                return Error{Errc::kNotFound, "this sender has no such step"};
            }
            Query{connection_, kReserve}.bind(chain, sender, nonce, step).run();
            return nonce;
        });
    }

    Expected<std::vector<std::pair<std::uint64_t, core::StepId>>> open_nonces(
        const core::ChainId& chain, const core::Address& sender) override {
        using Nonces = std::vector<std::pair<std::uint64_t, core::StepId>>;
        return guarded(connection_, [&]() -> Expected<Nonces> {
            Nonces out;
            Query query{connection_, kOpenNonces};
            query.bind(chain, sender);
            while (query.step()) {
                auto& [nonce, step] = out.emplace_back();
                query.read(nonce, step);
            }
            return out;
        });
    }

    Expected<core::Units> top_ups_in_flight(const core::AssetId& native,
                                            const core::Address& to) override {
        return guarded(connection_, [&]() -> Expected<core::Units> {
            core::Units sum;
            Query query{connection_, kTopUpsInFlight};
            query.bind(native, to, native.chain());
            while (query.step()) {
                core::Units units;
                std::optional<std::int64_t> mined;
                query.read(units, mined);
                const core::Units told = mined ? mined_value(*mined, units) : core::Units{};
                if (told >= units) continue;
                const auto more = sum.plus(*units.minus(told));
                if (!more) return more.error();
                sum = *more;
            }
            return sum;
        });
    }

    Expected<core::AttemptId> add_attempt(const Attempt& attempt) override {
        return guarded(connection_, [&]() -> Expected<core::AttemptId> {
            connection_.touch(Concern::kPayouts);
            core::AttemptId id;
            Query query{connection_, kAddAttempt};
            bind_attempt(query, attempt);
            if (!query.step()) {
                return Error{Errc::kNotFound, "no step " + std::to_string(attempt.step.value)};
            }
            query.read(id);
            return id;
        });
    }

    Expected<Done> save_attempt(const Attempt& attempt) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            Query query{connection_, kSaveAttempt};
            bind_attempt(query, attempt);
            if (query.bind(attempt.id).run() == 1) return Done{};
            return Error{Errc::kNotFound, "no attempt " + std::to_string(attempt.id.value)};
        });
    }

    Expected<std::optional<AttemptPlace>> by_tx(const core::ChainId& chain,
                                                const core::TxId& tx) override {
        return guarded(connection_, [&]() -> Expected<std::optional<AttemptPlace>> {
            std::optional<AttemptPlace> out;
            {
                Query query{connection_, kAttemptByTx};
                if (!query.bind(tx, chain).step()) return out;
                read_attempt(query, out.emplace().attempt);
            }
            find_place(*out);
            return out;
        });
    }

    Expected<std::vector<AttemptPlace>> lost(const core::ChainId& chain) override {
        return guarded(connection_, [&]() -> Expected<std::vector<AttemptPlace>> {
            std::vector<AttemptPlace> out;
            {
                Query query{connection_, kLost};
                query.bind(chain);
                while (query.step()) read_attempt(query, out.emplace_back().attempt);
            }
            for (AttemptPlace& place : out) find_place(place);
            return out;
        });
    }

    Expected<std::optional<core::TxId>> standing_for(const core::ChainId& chain,
                                                     const core::TxId& tx) override {
        return guarded(connection_, [&]() -> Expected<std::optional<core::TxId>> {
            std::optional<core::TxId> out;
            Query query{connection_, kStanding};
            if (query.bind(chain, tx).step()) query.read(out.emplace());
            return out;
        });
    }

    Expected<bool> is_lost(core::StepId step) override {
        return guarded(connection_, [&]() -> Expected<bool> {
            Query query{connection_, kIsLost};
            return query.bind(step).step();
        });
    }

    Expected<std::optional<PayoutStep>> by_nonce(const core::ChainId& chain,
                                                 const core::Address& sender,
                                                 std::uint64_t nonce) override {
        return guarded(connection_, [&]() -> Expected<std::optional<PayoutStep>> {
            std::optional<PayoutStep> out;
            Query query{connection_, kByNonce};
            if (query.bind(chain, sender, nonce).step()) read_step(query, out.emplace());
            return out;
        });
    }

    Expected<Done> end_grant(const GrantEnd& end) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(Concern::kPayouts);
            Query{connection_, kEndGrant}.bind(end.step, end.height, end.missing, end.at).run();
            return Done{};
        });
    }

    Expected<std::vector<GrantEnd>> ended_grants(const core::SessionId& session) override {
        return guarded(connection_, [&]() -> Expected<std::vector<GrantEnd>> {
            std::vector<GrantEnd> out;
            Query query{connection_, kEndedGrants};
            query.bind(session);
            while (query.step()) {
                GrantEnd& end = out.emplace_back();
                query.read(end.step, end.height, end.missing, end.at);
            }
            return out;
        });
    }

    Expected<std::vector<std::pair<PayoutStatus, std::int64_t>>> count_by_status() override {
        using Counts = std::vector<std::pair<PayoutStatus, std::int64_t>>;
        return guarded(connection_, [&]() -> Expected<Counts> {
            Counts out;
            Query query{connection_, kCount};
            while (query.step()) {
                auto& [status, count] = out.emplace_back();
                query.read(status, count);
            }
            return out;
        });
    }

  private:
    //! What a block that is not final was told to bring; of a final one all that it could.
    core::Units mined_value(std::int64_t own_tx, const core::Units& promised) {
        core::Units value;
        OwnTxStatus status{};
        Query query{connection_, kMinedValue};
        if (query.bind(own_tx).step()) query.read(value, status);
        return status == OwnTxStatus::kFinal ? promised : value;
    }

    void find_place(AttemptPlace& place) {
        Query query{connection_, kStepById};
        if (query.bind(place.attempt.step).step()) read_step(query, place.step);
        place.payout = place.step.payout;
    }

    template <class... A>
    Expected<std::vector<PayoutFull>> many(const char* sql, const A&... keys) {
        return guarded(connection_, [&]() -> Expected<std::vector<PayoutFull>> {
            std::vector<PayoutFull> out;
            {
                Query query{connection_, sql};
                query.bind(keys...);
                while (query.step()) read_payout(query, out.emplace_back().payout);
            }
            for (PayoutFull& full : out) read_parts(full);
            return out;
        });
    }

    void read_parts(PayoutFull& full) {
        {
            Query query{connection_, kSteps};
            query.bind(full.payout.id);
            while (query.step()) read_step(query, full.steps.emplace_back());
        }
        Query query{connection_, kAttempts};
        query.bind(full.payout.id);
        while (query.step()) read_attempt(query, full.attempts.emplace_back());
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Payouts> make_payouts(Connection& connection) {
    return std::make_unique<SqlitePayouts>(connection);
}

}  // namespace db::sqlite
