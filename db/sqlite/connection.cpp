#include "db/sqlite/connection.hpp"

#include <algorithm>
#include <new>

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "core/check.hpp"

namespace db::sqlite {
namespace {

constexpr int kBusyMillis = 5000;

constexpr char kSetUp[] =
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;";
// A reader's sorting stays in memory. The writer's savepoint journal must not: in memory it is a list
// that each statement walks to its end, and the time of a large job grows with its square.
constexpr char kSetUpReader[] = "PRAGMA temp_store = MEMORY;";
// A checkpoint after 8,192 pages (32 MiB) copies a page that many commits changed once.
constexpr char kSetUpWriter[] =
    "PRAGMA temp_store = FILE;"
    "PRAGMA cache_size = -8000;"
    "PRAGMA wal_autocheckpoint = 8192;"
    "PRAGMA journal_size_limit = 67108864;";

bool is_content(int code) { return code == SQLITE_CORRUPT || code == SQLITE_NOTADB; }

//! The main code of those after which the file or the disk cannot be trusted.
bool is_disk(int code) {
    switch (code) {
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_NOMEM: return true;
        default: return false;
    }
}

}  // namespace

void Touched::add(const core::SessionId& session) {
    add(Concern::kSessions);
    if (every_session_ || concerns(session)) return;
    if (sessions_.size() < kSessionsMost) {
        sessions_.push_back(session);
        return;
    }
    every_session_ = true;
    sessions_.clear();
}

bool Touched::concerns(const core::SessionId& session) const {
    return every_session_ ||
           std::find(sessions_.begin(), sessions_.end(), session) != sessions_.end();
}

Connection::Connection(std::unique_ptr<SQLite::Database> database)
    : database_{std::move(database)} {}

Connection::~Connection() = default;

Expected<std::unique_ptr<Connection>> Connection::open(const std::string& path, Access access,
                                                       const std::string& vfs) {
    try {
        const int mode = access == Access::kReadOnly ? SQLite::OPEN_READONLY
                                                     : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE;
        auto database = std::make_unique<SQLite::Database>(
            path, mode | SQLite::OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, kBusyMillis, vfs);
        database->exec(kSetUp);
        if (access == Access::kReadOnly) database->exec(kSetUpReader);
        if (access == Access::kReadWrite) {
            database->exec(kSetUpWriter);
            const std::string journal =
                database->execAndGet("PRAGMA journal_mode = WAL").getString();
            if (journal != "wal" && path != ":memory:") {
                return Error{Errc::kStorage, path + ": the file system does not allow a write-ahead "
                                                    "log (is it a network file system?)"};
            }
        }
        return std::unique_ptr<Connection>{new Connection{std::move(database)}};
    } catch (const SQLite::Exception& e) {
        const int code = e.getErrorCode() & 0xff;
        if (is_content(code)) return damaged(path, e.what());
        if (is_disk(code)) return disk_failed(path, e.what());
        return Error{Errc::kStorage, "cannot open " + path + ": " + e.what()};
    } catch (const std::exception& e) {
        return Error{Errc::kStorage, "cannot open " + path + ": " + e.what()};
    }
}

Error damaged(const std::string& path, const std::string& what) {
    return Error{Errc::kStorage, path + " is damaged (" + what +
                                     "): nothing was changed; keep this file and its -wal, and put a "
                                     "backup in their place"};
}

Error disk_failed(const std::string& path, const std::string& what) {
    return Error{Errc::kStorage,
                 path + ": " + what + ": make room on the disk, or mend it, and start again"};
}

void Connection::keep_log() {
    sqlite3_db_config(database_->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

Expected<Done> Connection::exec(const char* sql) {
    return guarded(*this, [&]() -> Expected<Done> {
        database_->exec(sql);
        return Done{};
    });
}

bool Connection::in_autocommit() const {
    return sqlite3_get_autocommit(database_->getHandle()) != 0;
}

std::int64_t Connection::changes() const {
    return sqlite3_total_changes64(database_->getHandle());
}

Error Connection::translate() {
    try {
        throw;
    } catch (const SQLite::Exception& e) {
        const int code = e.getErrorCode() & 0xff;
        if (code == SQLITE_CONSTRAINT) return Error{Errc::kConflict, e.what()};
        if (is_disk(code)) broken_ = true;
        if (is_content(code)) corrupt_ = true;
        return Error{Errc::kStorage, std::string{"database: "} + e.what()};
    } catch (const std::exception& e) {
        return Error{Errc::kStorage, std::string{"database: "} + e.what()};
    }
}

void Connection::Finalize::operator()(sqlite3_stmt* statement) const {
    sqlite3_finalize(statement);
}

Connection::Prepared& Connection::prepared(const char* sql) {
    Prepared& entry = prepared_[sql];
    if (entry.statement) return entry;
    sqlite3* handle = database_->getHandle();
    sqlite3_stmt* made = nullptr;
    const int code =
        sqlite3_prepare_v3(handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
    if (code != SQLITE_OK) throw SQLite::Exception{handle, code};
    entry.statement.reset(made);
    return entry;
}

Query::Query(Connection& connection, const char* sql)
    : connection_{connection}, prepared_{connection.prepared(sql)} {
    CHECK(!prepared_.busy, sql);
    prepared_.busy = true;
}

Query::~Query() {
    sqlite3_reset(statement());
    prepared_.busy = false;
}

void Query::done(int code) const {
    if (code != SQLITE_OK) throw SQLite::Exception{sqlite3_db_handle(statement()), code};
}

bool Query::step() {
    column_ = 0;
    const int code = sqlite3_step(statement());
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) done(code);
    return false;
}

int Query::run() {
    CHECK(!step(), "a statement that is run has no rows");
    return sqlite3_changes(sqlite3_db_handle(statement()));
}

Query& Query::again_from(int kept) {
    done(sqlite3_reset(statement()));
    parameter_ = kept;
    return *this;
}

void Query::put_null() { done(sqlite3_bind_null(statement(), ++parameter_)); }

void Query::put_int(std::int64_t value) {
    done(sqlite3_bind_int64(statement(), ++parameter_, value));
}

void Query::put_text(std::string_view value) {
    // A null pointer would bind NULL.
    const char* data = value.empty() ? "" : value.data();
    done(sqlite3_bind_text(statement(), ++parameter_, data, static_cast<int>(value.size()),
                           SQLITE_TRANSIENT));
}

void Query::put_blob(core::ByteView value) {
    const void* data = value.empty() ? static_cast<const void*>("") : value.data();
    done(sqlite3_bind_blob(statement(), ++parameter_, data, static_cast<int>(value.size()),
                           SQLITE_TRANSIENT));
}

void Query::put_hex(core::ByteView value) {
    put_text(value.empty() ? std::string{} : core::to_hex0x(value));
}

bool Query::next_is_null() const {
    return sqlite3_column_type(statement(), column_) == SQLITE_NULL;
}

std::int64_t Query::get_int() { return sqlite3_column_int64(statement(), column_++); }

std::string_view Query::get_text() {
    const int column = column_++;
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement(), column));
    if (text == nullptr) return "";
    return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement(), column))};
}

core::ByteView Query::get_blob() {
    const int column = column_++;
    const auto* data =
        static_cast<const std::uint8_t*>(sqlite3_column_blob(statement(), column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement(), column))};
}

void Query::corrupt(std::string_view what) {
    throw SQLite::Exception{
        "a stored value is not " + std::string{what} + ": " + sqlite3_sql(statement()),
        SQLITE_CORRUPT};
}

void Query::get(core::Bytes& out) {
    const auto blob = get_blob();
    out.assign(blob.begin(), blob.end());
}

void Query::get(core::Units& out) {
    auto value = core::Units::from_decimal(get_text());
    if (!value) corrupt("an amount");
    out = *value;
}

void Query::get(core::Address& out) {
    const auto text = get_text();
    if (text.empty()) {
        out = {};
        return;
    }
    auto value = core::Address::from_hex(text);
    if (!value) corrupt("an address");
    out = *value;
}

void Query::get(core::TxId& out) {
    const auto text = get_text();
    if (text.empty()) {
        out = {};
        return;
    }
    auto value = core::TxId::from_hex(text);
    if (!value) corrupt("a transaction id");
    out = *value;
}

void Query::get(core::BlockHash& out) {
    auto value = core::BlockHash::from_hex(get_text());
    if (!value) corrupt("a block hash");
    out = *value;
}

}  // namespace db::sqlite
