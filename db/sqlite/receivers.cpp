#include <algorithm>

#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

#define RECEIVER_COLUMNS "id, family, derivation_index, address, session_id, issued_at"

constexpr char kOfSessionAndFamily[] =
    "SELECT " RECEIVER_COLUMNS " FROM receivers WHERE session_id = ? AND family = ?";
constexpr char kSessionExists[] = "SELECT 1 FROM sessions WHERE id = ?";
constexpr char kNewest[] = "SELECT coalesce(max(id), 0) FROM receivers";
constexpr char kInsert[] = "INSERT INTO receivers (" RECEIVER_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kByAddress[] =
    "SELECT " RECEIVER_COLUMNS " FROM receivers WHERE family = ? AND address = ?";
constexpr char kById[] = "SELECT " RECEIVER_COLUMNS " FROM receivers WHERE id = ?";
constexpr char kOfSession[] =
    "SELECT " RECEIVER_COLUMNS " FROM receivers WHERE session_id = ? ORDER BY id";
constexpr char kSince[] =
    "SELECT " RECEIVER_COLUMNS " FROM receivers WHERE +family = ? AND id > ? ORDER BY id LIMIT ?";
// Three kinds that exclude each other, so that nothing has to be sorted out: it is asked at each block.
constexpr char kExpecting[] =
    "SELECT r.id, r.address, r.issued_at, 1 FROM sessions s CROSS JOIN receivers r"
    " ON r.session_id = s.id AND r.family = ?2"
    " WHERE s.dest_asset = ?1 AND s.state NOT IN (8, 10, 12, 13, 14)"
    " UNION ALL SELECT r.id, r.address, r.issued_at, 1 FROM sessions s CROSS JOIN receivers r"
    " ON r.session_id = s.id AND r.family = ?2"
    " WHERE s.dest_asset = ?1 AND s.expires_at >= ?3 AND s.state IN (8, 10, 12, 13, 14)"
    " UNION ALL SELECT r.id, r.address, r.issued_at, s.dest_asset = ?1 FROM session_tallies t"
    " CROSS JOIN sessions s ON s.id = t.session_id"
    " CROSS JOIN receivers r ON r.session_id = s.id AND r.family = ?2"
    " WHERE t.asset = ?1 AND t.live = 1 AND NOT (s.dest_asset = ?1"
    "  AND (s.state NOT IN (8, 10, 12, 13, 14) OR s.expires_at >= ?3))";

#define RECEIVER_COLUMNS_OF_R \
    "r.id, r.family, r.derivation_index, r.address, r.session_id, r.issued_at"
constexpr char kRecent[] =
    "SELECT " RECEIVER_COLUMNS_OF_R " FROM sessions s CROSS JOIN receivers r"
    " ON r.session_id = s.id AND r.family = ?1 AND r.id > ?2"
    " WHERE s.state NOT IN (8, 10, 12, 13, 14)"
    " UNION ALL SELECT " RECEIVER_COLUMNS_OF_R " FROM sessions s CROSS JOIN receivers r"
    " ON r.session_id = s.id AND r.family = ?1 AND r.id > ?2"
    " WHERE s.state IN (8, 10, 12, 13, 14) AND s.expires_at >= ?3"
    " ORDER BY 1 LIMIT ?4";

Receiver read_receiver(Query& query) {
    Receiver out;
    query.read(out.id, out.family, out.derivation_index, out.address, out.session, out.issued_at);
    return out;
}

class SqliteReceivers final : public Receivers {
  public:
    explicit SqliteReceivers(Connection& connection) : connection_{connection} {}

    Expected<Receiver> issue(
        const core::SessionId& session, std::string_view family, core::Instant at,
        const std::function<Expected<core::Address>(std::uint32_t)>& derive) override {
        return guarded(connection_, [&]() -> Expected<Receiver> {
            {
                Query query{connection_, kOfSessionAndFamily};
                if (query.bind(session, family).step()) return read_receiver(query);
            }
            {
                Query query{connection_, kSessionExists};
                if (!query.bind(session).step()) return Error{Errc::kNotFound, "no such session"};
            }
            Receiver out;
            auto last = newest();
            if (!last) return last.error();
            // The derivation index is the id, whatever the family: one number names an address.
            out.id = core::ReceiverId{last->value + 1};
            out.family = family;
            out.derivation_index = static_cast<std::uint32_t>(out.id.value);
            out.session = session;
            out.issued_at = at;
            auto address = derive(out.derivation_index);
            if (!address) return address.error();
            out.address = *address;
            Query query{connection_, kInsert};
            query.bind(out.id, out.family, out.derivation_index, out.address, out.session,
                       out.issued_at);
            query.run();
            return out;
        });
    }

    Expected<std::optional<Receiver>> by_address(std::string_view family,
                                                 const core::Address& address) override {
        return one(kByAddress, family, address);
    }

    Expected<std::optional<Receiver>> by_id(core::ReceiverId id) override { return one(kById, id); }

    Expected<std::vector<Receiver>> of_session(const core::SessionId& session) override {
        return many(kOfSession, session);
    }

    Expected<std::vector<Receiver>> since(std::string_view family, core::ReceiverId after,
                                          std::size_t limit) override {
        return many(kSince, family, after, limit);
    }

    Expected<std::vector<Receiver>> recent(std::string_view family, core::ReceiverId after,
                                           core::Instant ended_after,
                                           std::size_t limit) override {
        return many(kRecent, family, after, ended_after, limit);
    }

    Expected<core::ReceiverId> newest() override {
        return guarded(connection_, [&]() -> Expected<core::ReceiverId> {
            core::ReceiverId out;
            Query query{connection_, kNewest};
            if (query.step()) query.read(out);
            return out;
        });
    }

    Expected<std::vector<Expecting>> expecting(const core::AssetId& native_asset,
                                               core::Instant ended_after) override {
        return guarded(connection_, [&]() -> Expected<std::vector<Expecting>> {
            std::vector<std::pair<core::ReceiverId, Expecting>> found;
            Query query{connection_, kExpecting};
            query.bind(native_asset, native_asset.chain().name_space(), ended_after);
            while (query.step()) {
                auto& [id, one] = found.emplace_back();
                int asked_for = 0;
                query.read(id, one.address, one.issued_at, asked_for);
                one.asked_for = asked_for != 0;
            }
            std::ranges::sort(found, {}, [](const auto& one) { return one.first; });
            std::vector<Expecting> out;
            out.reserve(found.size());
            for (auto& [id, one] : found) out.push_back(std::move(one));
            return out;
        });
    }

  private:
    template <class... A>
    Expected<std::optional<Receiver>> one(const char* sql, const A&... keys) {
        return guarded(connection_, [&]() -> Expected<std::optional<Receiver>> {
            std::optional<Receiver> out;
            Query query{connection_, sql};
            if (query.bind(keys...).step()) out = read_receiver(query);
            return out;
        });
    }

    template <class... A>
    Expected<std::vector<Receiver>> many(const char* sql, const A&... keys) {
        return guarded(connection_, [&]() -> Expected<std::vector<Receiver>> {
            std::vector<Receiver> out;
            Query query{connection_, sql};
            query.bind(keys...);
            while (query.step()) out.push_back(read_receiver(query));
            return out;
        });
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Receivers> make_receivers(Connection& connection) {
    return std::make_unique<SqliteReceivers>(connection);
}

}  // namespace db::sqlite
