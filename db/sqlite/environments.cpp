#include "db/sqlite/factories.hpp"

namespace db::sqlite {
namespace {

#define ENVIRONMENT_COLUMNS "id, name, tolerance_bps, underpaid, overpaid, created_at"
#define KEY_COLUMNS "id, environment_id, prefix, hash, label, created_at, revoked_at"

constexpr char kInsert[] =
    "INSERT INTO environments (" ENVIRONMENT_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kById[] = "SELECT " ENVIRONMENT_COLUMNS " FROM environments WHERE id = ?";
constexpr char kByName[] = "SELECT " ENVIRONMENT_COLUMNS " FROM environments WHERE name = ?";
constexpr char kList[] = "SELECT " ENVIRONMENT_COLUMNS " FROM environments ORDER BY created_at, id";
constexpr char kInsertKey[] =
    "INSERT INTO api_keys (environment_id, prefix, hash, label, created_at, revoked_at)"
    " VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kKeysByPrefix[] =
    "SELECT " KEY_COLUMNS " FROM api_keys WHERE prefix = ? AND revoked_at IS NULL ORDER BY id";
constexpr char kKeys[] = "SELECT " KEY_COLUMNS " FROM api_keys ORDER BY id";
constexpr char kRevoke[] =
    "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?";
constexpr char kSetting[] = "SELECT value FROM settings WHERE name = ?";
constexpr char kSet[] = "INSERT INTO settings (name, value) VALUES (?, ?)";
constexpr std::string_view kPepper = "api_key_pepper";

Environment read_environment(Query& query) {
    Environment out;
    query.read(out.id, out.name, out.policy.tolerance_bps, out.policy.underpaid,
               out.policy.overpaid, out.created_at);
    return out;
}

class SqliteEnvironments final : public Environments {
  public:
    explicit SqliteEnvironments(Connection& connection) : connection_{connection} {}

    Expected<Done> insert(const Environment& environment) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kInsert};
            query.bind(environment.id, environment.name, environment.policy.tolerance_bps,
                       environment.policy.underpaid, environment.policy.overpaid,
                       environment.created_at);
            query.run();
            return Done{};
        });
    }

    Expected<std::optional<Environment>> by_id(const core::EnvironmentId& id) override {
        return one(kById, id.text());
    }

    Expected<std::optional<Environment>> by_name(std::string_view name) override {
        return one(kByName, name);
    }

    Expected<std::vector<Environment>> list() override {
        return guarded(connection_, [&]() -> Expected<std::vector<Environment>> {
            std::vector<Environment> out;
            Query query{connection_, kList};
            while (query.step()) out.push_back(read_environment(query));
            return out;
        });
    }

    Expected<Done> insert_key(const ApiKey& key) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kInsertKey};
            query.bind(key.environment, key.prefix, key.hash, key.label, key.created_at,
                       key.revoked_at);
            query.run();
            return Done{};
        });
    }

    Expected<std::vector<ApiKey>> keys_with_prefix(std::string_view prefix) override {
        return guarded(connection_, [&]() -> Expected<std::vector<ApiKey>> {
            Query query{connection_, kKeysByPrefix};
            query.bind(prefix);
            return read_keys(query);
        });
    }

    Expected<std::vector<ApiKey>> list_keys() override {
        return guarded(connection_, [&]() -> Expected<std::vector<ApiKey>> {
            Query query{connection_, kKeys};
            return read_keys(query);
        });
    }

    Expected<Done> revoke_key(std::int64_t id, core::Instant at) override {
        return guarded(connection_, [&]() -> Expected<Done> {
            Query query{connection_, kRevoke};
            if (query.bind(at, id).run() == 0) return Error{Errc::kNotFound, "no such key"};
            return Done{};
        });
    }

    Expected<core::Bytes> key_pepper(const core::Bytes& fresh) override {
        return guarded(connection_, [&]() -> Expected<core::Bytes> {
            core::Bytes out;
            {
                Query query{connection_, kSetting};
                if (query.bind(kPepper).step()) {
                    query.read(out);
                    return out;
                }
            }
            Query{connection_, kSet}.bind(kPepper, fresh).run();
            return fresh;
        });
    }

  private:
    Expected<std::optional<Environment>> one(const char* sql, std::string_view key) {
        return guarded(connection_, [&]() -> Expected<std::optional<Environment>> {
            std::optional<Environment> out;
            Query query{connection_, sql};
            if (query.bind(key).step()) out = read_environment(query);
            return out;
        });
    }

    static std::vector<ApiKey> read_keys(Query& query) {
        std::vector<ApiKey> out;
        while (query.step()) {
            ApiKey& key = out.emplace_back();
            query.read(key.id, key.environment, key.prefix, key.hash, key.label, key.created_at,
                       key.revoked_at);
        }
        return out;
    }

    Connection& connection_;
};

}  // namespace

std::unique_ptr<Environments> make_environments(Connection& connection) {
    return std::make_unique<SqliteEnvironments>(connection);
}

}  // namespace db::sqlite
