#include <algorithm>
#include <limits>

#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

#define SESSION_COLUMNS                                                                        \
    "id, environment_id, version, state, dest_asset, dest_address, dest_units, dest_calldata," \
    " refund_address, tolerance_bps, underpaid, overpaid, expires_at, funding_asset,"          \
    " funding_received, funding_to_deliver, funding_excess, waiting_state, held_from, reason," \
    " reason_text, client_secret, method, method_at, display_json, metadata_json,"             \
    " receiver_id, outcome_tx, outcome_units, created_at, updated_at"

constexpr char kInsert[] =
    "INSERT INTO sessions (" SESSION_COLUMNS ", dest_chain) VALUES"
    " (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
// Without the columns that never change after the creation: five indexes hang on those, and setting a
// column to what it was rewrites them all. Most changes keep the state too, and then touch no index.
#define CHANGING_COLUMNS                                                                        \
    "version = ?, refund_address = ?, funding_asset = ?, funding_received = ?,"                 \
    " funding_to_deliver = ?, funding_excess = ?, waiting_state = ?, held_from = ?, reason = ?," \
    " reason_text = ?, method = ?, method_at = ?, receiver_id = ?, outcome_tx = ?,"             \
    " outcome_units = ?, updated_at = ?"
constexpr char kUpdate[] = "UPDATE sessions SET " CHANGING_COLUMNS " WHERE id = ?";
constexpr char kUpdateState[] = "UPDATE sessions SET " CHANGING_COLUMNS ", state = ? WHERE id = ?";
constexpr char kById[] = "SELECT " SESSION_COLUMNS " FROM sessions WHERE id = ?";
constexpr char kVersion[] = "SELECT version, state FROM sessions WHERE id = ?";
constexpr char kCreatedAt[] = "SELECT created_at FROM sessions WHERE id = ?";
constexpr char kList[] =
    "SELECT " SESSION_COLUMNS " FROM sessions"
    " WHERE (created_at, id) < (?, ?) AND ((1 << state) & ?) <> 0"
    " ORDER BY created_at DESC, id DESC LIMIT ?";
constexpr char kListOfEnvironment[] =
    "SELECT " SESSION_COLUMNS " FROM sessions"
    " WHERE environment_id = ? AND (created_at, id) < (?, ?) AND ((1 << state) & ?) <> 0"
    " ORDER BY created_at DESC, id DESC LIMIT ?";
constexpr char kWaitingPast[] =
    "SELECT " SESSION_COLUMNS " FROM sessions WHERE state <= 5 AND dest_chain = ?"
    " AND expires_at < ? AND NOT EXISTS (SELECT 1 FROM session_tallies t"
    " WHERE t.session_id = sessions.id AND t.detected <> '0') ORDER BY expires_at LIMIT ?";
constexpr char kFirstDeadline[] =
    "SELECT expires_at FROM sessions WHERE state <= 5 AND dest_chain = ?"
    " AND expires_at >= ? AND expires_at < ? AND NOT EXISTS (SELECT 1 FROM session_tallies t"
    " WHERE t.session_id = sessions.id AND t.detected <> '0') ORDER BY expires_at LIMIT 1";
constexpr char kCountWaitingPast[] =
    "SELECT count(*) FROM sessions WHERE state <= 5 AND dest_chain = ? AND expires_at < ?";
constexpr char kCount[] = "SELECT state, count(*) FROM sessions GROUP BY state ORDER BY state";

constexpr char kTallies[] =
    "SELECT asset, detected, confirmed FROM session_tallies WHERE session_id = ? ORDER BY ordinal";
constexpr char kSetTally[] =
    "UPDATE session_tallies SET detected = ?, confirmed = ? WHERE session_id = ? AND ordinal = ?";
constexpr char kEndTallies[] = "UPDATE session_tallies SET live = 0 WHERE session_id = ?";
constexpr char kInsertTally[] =
    "INSERT INTO session_tallies (session_id, ordinal, asset, detected, confirmed, live)"
    " VALUES (?, ?, ?, ?, ?, ?)";

constexpr char kNote[] =
    "INSERT INTO session_journal (session_id, version, from_state, to_state, event, detail, at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)";
constexpr char kJournal[] =
    "SELECT id, session_id, version, from_state, to_state, event, detail, at"
    " FROM session_journal WHERE session_id = ? ORDER BY id";
constexpr char kJournalEnd[] =
    "SELECT id, session_id, version, from_state, to_state, event, detail, at FROM"
    " (SELECT * FROM session_journal WHERE session_id = ? ORDER BY id DESC LIMIT ?) ORDER BY id";

constexpr char kByKey[] =
    "SELECT session_id, request_hash FROM idempotency_keys WHERE environment_id = ? AND key = ?";
constexpr char kKeyOf[] = "SELECT key FROM idempotency_keys WHERE session_id = ?";
constexpr char kInsertKey[] =
    "INSERT INTO idempotency_keys (environment_id, key, session_id, request_hash)"
    " VALUES (?, ?, ?, ?)";

void bind_funding(Query& query, const session::Session& s) {
    std::optional<core::AssetId> asset;
    std::optional<core::Units> received, to_deliver, excess;
    if (s.funding) {
        asset = s.funding->asset;
        received = s.funding->received;
        to_deliver = s.funding->to_deliver;
        excess = s.funding->excess;
    }
    query.bind(asset, received, to_deliver, excess);
}

void bind_row(Query& query, const SessionRow& row, std::int64_t version) {
    const session::Session& s = row.session;
    query.bind(s.id, row.environment, version, s.state, s.destination.asset, s.destination.address,
               s.destination.units, s.destination.calldata, s.refund_address,
               s.policy.tolerance_bps, s.policy.underpaid, s.policy.overpaid, s.expires_at);
    bind_funding(query, s);
    query.bind(s.waiting_state, s.held_from, s.reason, s.reason_text, row.client_secret, row.method, row.method_at, row.display_json,
               row.metadata_json, row.receiver, row.outcome_tx, row.outcome_units, row.created_at,
               row.updated_at, s.destination.asset.chain());
}

void bind_changes(Query& query, const SessionRow& row, std::int64_t version) {
    const session::Session& s = row.session;
    query.bind(version, s.refund_address);
    bind_funding(query, s);
    query.bind(s.waiting_state, s.held_from, s.reason, s.reason_text, row.method, row.method_at,
               row.receiver, row.outcome_tx, row.outcome_units, row.updated_at);
}

SessionRow read_row(Query& query) {
    SessionRow row;
    session::Session& s = row.session;
    std::optional<core::AssetId> asset;
    std::optional<core::Units> received, to_deliver, excess;
    query.read(s.id, row.environment, row.version, s.state, s.destination.asset,
               s.destination.address, s.destination.units, s.destination.calldata,
               s.refund_address, s.policy.tolerance_bps, s.policy.underpaid, s.policy.overpaid,
               s.expires_at, asset, received, to_deliver, excess, s.waiting_state, s.held_from,
               s.reason, s.reason_text, row.client_secret, row.method, row.method_at,
               row.display_json, row.metadata_json, row.receiver, row.outcome_tx,
               row.outcome_units, row.created_at, row.updated_at);
    if (asset) s.funding = session::Funding{*asset, *received, *to_deliver, *excess};
    return row;
}

class SqliteSessions final : public Sessions {
  public:
    explicit SqliteSessions(Connection& connection) : connection_{connection} {}

    Expected<Done> insert(const SessionRow& row, std::string_view idempotency_key,
                          std::string_view request_hash) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            // Before anything is written, so that a refusal leaves no trace even in a job that goes on.
            if (!idempotency_key.empty()) {
                Query known{connection_, kByKey};
                if (known.bind(row.environment, idempotency_key).step()) {
                    return Error{Errc::kConflict, "this idempotency key was used before"};
                }
            }
            {
                Query query{connection_, kInsert};
                bind_row(query, row, row.version);
                query.run();
            }
            write_tallies(row.session);
            if (!idempotency_key.empty()) {
                Query query{connection_, kInsertKey};
                query.bind(row.environment, idempotency_key, row.session.id, request_hash).run();
            }
            return Done{};
        });
    }

    Expected<std::optional<std::pair<core::SessionId, std::string>>> by_idempotency_key(
        const core::EnvironmentId& environment, std::string_view key) override {
        using Found = std::optional<std::pair<core::SessionId, std::string>>;
        return guarded(connection_, [&]() -> Expected<Found> {
            Found out;
            Query query{connection_, kByKey};
            if (query.bind(environment, key).step()) {
                out.emplace();
                query.read(out->first, out->second);
            }
            return out;
        });
    }

    Expected<std::string> idempotency_key(const core::SessionId& id) override {
        return guarded(connection_, [&]() -> Expected<std::string> {
            std::string out;
            Query query{connection_, kKeyOf};
            if (query.bind(id).step()) query.read(out);
            return out;
        });
    }

    Expected<std::optional<SessionRow>> load(const core::SessionId& id) override {
        return guarded(connection_, [&]() -> Expected<std::optional<SessionRow>> {
            Query query{connection_, kById};
            if (!query.bind(id).step()) return std::optional<SessionRow>{};
            std::optional<SessionRow> out = read_row(query);
            read_tallies(out->session);
            return out;
        });
    }

    Expected<Done> save(const SessionRow& row, std::int64_t expected_version,
                        const JournalEntry& entry) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            connection_.touch(row.session.id);
            auto stored = state_at(row.session.id, expected_version);
            if (!stored) return stored.error();
            // The row first: the trigger refuses a final session before anything of it is touched.
            const bool moved = *stored != row.session.state;
            {
                Query query{connection_, moved ? kUpdateState : kUpdate};
                bind_changes(query, row, expected_version + 1);
                if (moved) query.bind(row.session.state);
                query.bind(row.session.id).run();
            }
            save_tallies(row.session);
            write_note(entry, expected_version + 1);
            return Done{};
        });
    }

    Expected<Done> note(const JournalEntry& entry) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            write_note(entry, entry.version);
            return Done{};
        });
    }

    Expected<std::vector<JournalEntry>> journal(const core::SessionId& id) override {
        return guarded(connection_, [&]() -> Expected<std::vector<JournalEntry>> {
            Query query{connection_, kJournal};
            query.bind(id);
            return read_journal(query);
        });
    }

    Expected<std::vector<JournalEntry>> journal_end(const core::SessionId& id,
                                                    std::size_t limit) override {
        return guarded(connection_, [&]() -> Expected<std::vector<JournalEntry>> {
            Query query{connection_, kJournalEnd};
            query.bind(id, limit);
            return read_journal(query);
        });
    }

    Expected<std::vector<SessionRow>> list(const SessionFilter& filter) override {
        return guarded(connection_, [&]() -> Expected<std::vector<SessionRow>> {
            core::Instant before{std::numeric_limits<std::int64_t>::max()};
            std::string before_id;
            if (filter.after) {
                Query query{connection_, kCreatedAt};
                if (!query.bind(*filter.after).step()) {
                    return Error{Errc::kNotFound, "no such session to page on from"};
                }
                query.read(before);
                before_id = filter.after->text();
            }
            std::int64_t states = filter.states.empty() ? -1 : 0;
            for (const session::State state : filter.states) {
                states |= std::int64_t{1} << static_cast<int>(state);
            }
            Query query{connection_, filter.environment ? kListOfEnvironment : kList};
            if (filter.environment) query.bind(*filter.environment);
            query.bind(before, before_id, states, filter.limit);
            return read_rows(query);
        });
    }

    Expected<std::vector<SessionRow>> waiting_past(const core::ChainId& chain,
                                                   core::Instant read_to,
                                                   std::size_t limit) override {
        return guarded(connection_, [&]() -> Expected<std::vector<SessionRow>> {
            Query query{connection_, kWaitingPast};
            query.bind(chain, read_to, limit);
            return read_rows(query);
        });
    }

    Expected<std::optional<core::Instant>> first_deadline(const core::ChainId& chain,
                                                          core::Instant from,
                                                          core::Instant read_to) override {
        return guarded(connection_, [&]() -> Expected<std::optional<core::Instant>> {
            std::optional<core::Instant> out;
            Query query{connection_, kFirstDeadline};
            if (query.bind(chain, from, read_to).step()) query.read(out.emplace());
            return out;
        });
    }

    Expected<std::int64_t> count_waiting_past(const core::ChainId& chain,
                                              core::Instant now) override {
        return guarded(connection_, [&]() -> Expected<std::int64_t> {
            std::int64_t out = 0;
            Query query{connection_, kCountWaitingPast};
            if (query.bind(chain, now).step()) query.read(out);
            return out;
        });
    }

    Expected<std::vector<std::pair<session::State, std::int64_t>>> count_by_state() override {
        using Counts = std::vector<std::pair<session::State, std::int64_t>>;
        return guarded(connection_, [&]() -> Expected<Counts> {
            Counts out;
            Query query{connection_, kCount};
            while (query.step()) {
                auto& [state, count] = out.emplace_back();
                query.read(state, count);
            }
            return out;
        });
    }

  private:
    Expected<session::State> state_at(const core::SessionId& id, std::int64_t version) {
        Query query{connection_, kVersion};
        if (!query.bind(id).step()) return Error{Errc::kNotFound, "no such session"};
        std::int64_t stored = 0;
        session::State state{};
        query.read(stored, state);
        if (stored != version) return Error{Errc::kConflict, "the session changed meanwhile"};
        return state;
    }

    void write_tallies(const session::Session& s) {
        for (std::size_t i = 0; i < s.tallies.size(); ++i) insert_tally(s, i);
    }

    void insert_tally(const session::Session& s, std::size_t ordinal) {
        const session::Tally& tally = s.tallies[ordinal];
        Query query{connection_, kInsertTally};
        query.bind(s.id, ordinal, tally.asset, tally.detected, tally.confirmed,
                   !session::is_final(s.state));
        query.run();
    }

    //! Tallies are only ever added at the end; each keeps its asset.
    void save_tallies(const session::Session& s) {
        for (std::size_t i = 0; i < s.tallies.size(); ++i) {
            int known = 0;
            {
                Query query{connection_, kSetTally};
                query.bind(s.tallies[i].detected, s.tallies[i].confirmed, s.id, i);
                known = query.run();
            }
            if (known == 0) insert_tally(s, i);
        }
        if (session::is_final(s.state)) Query{connection_, kEndTallies}.bind(s.id).run();
    }

    void read_tallies(session::Session& s) {
        Query query{connection_, kTallies};
        query.bind(s.id);
        while (query.step()) {
            session::Tally& tally = s.tallies.emplace_back();
            query.read(tally.asset, tally.detected, tally.confirmed);
        }
    }

    std::vector<SessionRow> read_rows(Query& query) {
        std::vector<SessionRow> out;
        while (query.step()) out.push_back(read_row(query));
        for (SessionRow& row : out) read_tallies(row.session);
        return out;
    }

    static std::vector<JournalEntry> read_journal(Query& query) {
        std::vector<JournalEntry> out;
        while (query.step()) {
            JournalEntry& e = out.emplace_back();
            query.read(e.id, e.session, e.version, e.from, e.to, e.event, e.detail, e.at);
        }
        return out;
    }

    void write_note(const JournalEntry& entry, std::int64_t version) {
        Query query{connection_, kNote};
        query.bind(entry.session, version, entry.from, entry.to, entry.event, entry.detail,
                   entry.at);
        query.run();
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Sessions> make_sessions(Connection& connection) {
    return std::make_unique<SqliteSessions>(connection);
}

}  // namespace db::sqlite
