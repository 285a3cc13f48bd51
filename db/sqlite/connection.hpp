#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/ids.hpp"
#include "core/time.hpp"
#include "core/units.hpp"
#include "db/database.hpp"

namespace SQLite {
class Database;
}  // namespace SQLite
struct sqlite3_stmt;

namespace db::sqlite {

using core::Done;
using core::Errc;
using core::Error;
using core::Expected;

enum class Access { kReadWrite, kReadOnly };

//! Whom what was written concerns.
class Touched {
  public:
    void add(Concern concern) { bits_ |= bit(concern); }
    void add_all() {
        bits_ = ~0U;
        every_session_ = true;
    }
    void add(const core::SessionId& session);
    bool concerns(Concern concern) const { return (bits_ & bit(concern)) != 0; }
    bool concerns(const core::SessionId& session) const;
    bool every_session() const { return every_session_; }
    const std::vector<core::SessionId>& sessions() const { return sessions_; }

  private:
    static unsigned bit(Concern concern) { return 1U << static_cast<unsigned>(concern); }
    //! A commit about more of them concerns all.
    static constexpr std::size_t kSessionsMost = 64;
    unsigned bits_ = bit(Concern::kAny);
    bool every_session_ = false;
    std::vector<core::SessionId> sessions_;
};

//! One connection and its prepared statements. For one thread at a time.
class Connection {
  public:
    //! Opens and sets up, through the named VFS (empty: the system's). kStorage with the file's name.
    static Expected<std::unique_ptr<Connection>> open(const std::string& path, Access access,
                                                      const std::string& vfs = {});
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    //! One or several statements without parameters or rows.
    Expected<Done> exec(const char* sql);
    //! No transaction is open. After a failure inside one: SQLite has rolled it back by itself.
    bool in_autocommit() const;
    //! Rows inserted, changed or deleted since the connection was opened.
    std::int64_t changes() const;
    //! The transaction writes what concerns these; the next one begins anew.
    void touch(Concern concern) { touched_.add(concern); }
    void touch(const core::SessionId& session) { touched_.add(session); }
    Touched take_touched() { return std::exchange(touched_, Touched{}); }
    //! Closing will not fold the log into the main file.
    void keep_log();
    //! The disk or the file failed on this connection; nothing it says afterwards is worth anything.
    bool broken() const { return broken_; }
    //! It was the file's content, not the disk.
    bool corrupt() const { return corrupt_; }
    //! What the exception in flight means. Only inside a catch block.
    Error translate();

  private:
    friend class Query;
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const;
    };
    struct Prepared {
        std::unique_ptr<sqlite3_stmt, Finalize> statement;
        bool busy = false;
    };

    explicit Connection(std::unique_ptr<SQLite::Database> database);
    Prepared& prepared(const char* sql);

    std::unique_ptr<SQLite::Database> database_;
    //! By the address of the constant: every statement is written once in the program.
    std::unordered_map<const void*, Prepared> prepared_;
    Touched touched_;
    bool broken_ = false;
    bool corrupt_ = false;
};

//! What is said of a file that cannot be believed, and of one that the disk does not take or give.
Error damaged(const std::string& path, const std::string& what);
Error disk_failed(const std::string& path, const std::string& what);

//! Runs `body`; what SQLite throws becomes an Error.
template <class F>
auto guarded(Connection& connection, F body) -> decltype(body()) {
    try {
        return body();
    } catch (...) {
        return connection.translate();
    }
}

//! One use of a prepared statement: bind, step, read; given back when it goes out of scope. Throws
//! inside db/sqlite only, see guarded().
class Query {
  public:
    Query(Connection& connection, const char* sql);
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    //! The next parameters, in order.
    template <class... A>
    Query& bind(const A&... values) {
        (put(values), ...);
        return *this;
    }
    //! Is there a row?
    bool step();
    //! Runs to the end, for statements without rows; how many rows changed.
    int run();
    //! The next columns of the row, in order.
    template <class... A>
    void read(A&... out) {
        (get(out), ...);
    }
    //! Makes the statement ready for the next row of input.
    void again() { again_from(0); }
    //! As again(); the first `kept` parameters stay as they are.
    Query& again_from(int kept);

  private:
    sqlite3_stmt* statement() const { return prepared_.statement.get(); }
    void done(int code) const;
    void put_null();
    void put_int(std::int64_t value);
    void put_text(std::string_view value);
    void put_blob(core::ByteView value);
    bool next_is_null() const;
    std::int64_t get_int();
    std::string_view get_text();
    core::ByteView get_blob();
    [[noreturn]] void corrupt(std::string_view what);

    template <std::integral T>
    void put(T value) {
        put_int(static_cast<std::int64_t>(value));
    }
    template <class T>
        requires std::is_enum_v<T>
    void put(T value) {
        put_int(static_cast<std::int64_t>(value));
    }
    void put(const std::string& value) { put_text(value); }
    void put(std::string_view value) { put_text(value); }
    void put(const core::Bytes& value) { put_blob(value); }
    void put(core::Instant value) { put_int(value.unix_ms); }
    void put(const core::Units& value) { put_text(value.decimal()); }
    void put(const core::Address& value) { put_hex(value.view()); }
    void put(const core::TxId& value) { put_hex(value.view()); }
    void put(const core::BlockHash& value) { put_hex(value.view()); }
    template <class Tag>
    void put(const core::StrongString<Tag>& value) {
        put_text(value.text());
    }
    template <class Tag>
    void put(const core::StrongNumber<Tag>& value) {
        put_int(value.value);
    }
    template <class T>
    void put(const std::optional<T>& value) {
        if (value) put(*value);
        else put_null();
    }
    //! Nothing is the empty text.
    void put_hex(core::ByteView value);

    template <std::integral T>
    void get(T& out) {
        out = static_cast<T>(get_int());
    }
    template <class T>
        requires std::is_enum_v<T>
    void get(T& out) {
        out = static_cast<T>(get_int());
    }
    void get(std::string& out) { out = get_text(); }
    void get(core::Bytes& out);
    void get(core::Instant& out) { out.unix_ms = get_int(); }
    void get(core::Units& out);
    void get(core::Address& out);
    void get(core::TxId& out);
    void get(core::BlockHash& out);
    void get(core::ChainId& out) { out = core::ChainId{std::string{get_text()}}; }
    void get(core::AssetId& out) { out = core::AssetId{std::string{get_text()}}; }
    template <class Tag>
    void get(core::StrongString<Tag>& out) {
        out = core::StrongString<Tag>{std::string{get_text()}};
    }
    template <class Tag>
    void get(core::StrongNumber<Tag>& out) {
        out.value = get_int();
    }
    template <class T>
    void get(std::optional<T>& out) {
        if (next_is_null()) {
            out.reset();
            ++column_;
            return;
        }
        get(out.emplace());
    }

    Connection& connection_;
    Connection::Prepared& prepared_;
    int parameter_ = 0;
    int column_ = 0;
};

}  // namespace db::sqlite
