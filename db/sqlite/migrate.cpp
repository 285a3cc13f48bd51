#include "db/sqlite/migrate.hpp"

#include "core/crash_point.hpp"

namespace db::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x64657064;  // "depd"

constexpr char kVersion[] = "PRAGMA user_version";
constexpr char kApplication[] = "PRAGMA application_id";
constexpr char kTables[] = "SELECT count(*) FROM sqlite_schema";
constexpr char kQuickCheck[] = "PRAGMA quick_check(1)";
constexpr char kFold[] = "PRAGMA wal_checkpoint(TRUNCATE)";
constexpr char kCreate[] =
    "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT";
constexpr char kNote[] = "INSERT INTO migrations (number, name) VALUES (?, ?)";

std::int64_t number(Connection& connection, const char* sql) {
    Query query{connection, sql};
    std::int64_t out = 0;
    if (query.step()) query.read(out);
    return out;
}

Expected<Done> is_ours(Connection& connection, const std::string& path) {
    const auto application = number(connection, kApplication);
    if (application == kApplicationId) return Done{};
    if (application == 0 && number(connection, kTables) == 0) return Done{};
    return Error{Errc::kStorage, path + " is a database of another program; choose another file"};
}

//! Inside BEGIN IMMEDIATE: another process may have done it while we waited.
Expected<Done> apply(Connection& connection, const Migration& migration, std::int64_t to) {
    if (number(connection, kVersion) >= to) return Done{};
    const std::string pragmas = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                                "; PRAGMA user_version = " + std::to_string(to);
    for (const char* sql : {migration.sql, kCreate, pragmas.c_str()}) {
        if (auto ran = connection.exec(sql); !ran) return ran.error();
    }
    Query{connection, kNote}.bind(to, std::string_view{migration.name}).run();
    return Done{};
}

}  // namespace

Expected<Done> migrate(Connection& connection, const std::string& path, bool allowed,
                       std::span<const Migration> migrations) {
    return guarded(connection, [&]() -> Expected<Done> {
        if (auto ours = is_ours(connection, path); !ours) return ours.error();
        const auto newest = static_cast<std::int64_t>(migrations.size());
        const auto stored = number(connection, kVersion);
        if (stored > newest) {
            return Error{Errc::kStorage, path + " was written by a newer depositd (schema " +
                                             std::to_string(stored) + ", this one knows " +
                                             std::to_string(newest) + "): install that version"};
        }
        if (stored < newest && !allowed) {
            return Error{Errc::kStorage, path + " has schema " + std::to_string(stored) +
                                             ", this depositd needs " + std::to_string(newest) +
                                             ": start the service once, it upgrades the file"};
        }
        for (auto next = stored; next < newest; ++next) {
            if (auto begun = connection.exec("BEGIN IMMEDIATE"); !begun) return begun.error();
            const Migration& migration = migrations[static_cast<std::size_t>(next)];
            auto done = guarded(connection, [&] { return apply(connection, migration, next + 1); });
            CRASH_POINT("migration_before");
            if (done) done = connection.exec("COMMIT");
            CRASH_POINT("migration_after");
            if (!done) {
                if (!connection.in_autocommit()) (void)connection.exec("ROLLBACK").has_value();
                return Error{Errc::kStorage, path + ": migration " + migration.name +
                                                 " failed: " + done.error().message};
            }
        }
        return Done{};
    });
}

Expected<Done> quick_check(Connection& connection, const std::string& path) {
    std::string found;
    auto asked = guarded(connection, [&]() -> Expected<Done> {
        Query query{connection, kQuickCheck};
        if (query.step()) query.read(found);
        return Done{};
    });
    if (asked && found == "ok") return Done{};
    connection.keep_log();
    if (!asked && !connection.corrupt()) return disk_failed(path, asked.error().message);
    return damaged(path, asked ? found : asked.error().message);
}

Expected<Done> prove_writable(Connection& connection, const std::string& path) {
    auto proven = connection.exec(kFold);
    if (proven) {
        proven = guarded(connection, [&]() -> Expected<Done> {
            const std::string same = "PRAGMA user_version = " +
                                     std::to_string(number(connection, kVersion));
            return connection.exec(same.c_str());
        });
    }
    if (proven) return Done{};
    return disk_failed(path, "cannot be written: " + proven.error().message);
}

}  // namespace db::sqlite
