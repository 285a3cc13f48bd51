#pragma once

#include <span>
#include <string>

#include "db/sqlite/connection.hpp"

namespace db::sqlite {

struct Migration {
    const char* name;
    const char* sql;
};

//! db/migrations, in order. Never edit one that was released: append.
std::span<const Migration> all_migrations();

//! Brings the file to the newest schema, one transaction per step; refuses a file that a newer program or
//! another program wrote. With `allowed` false an older file is refused as well.
Expected<Done> migrate(Connection& connection, const std::string& path, bool allowed,
                       std::span<const Migration> migrations = all_migrations());

//! SQLite's own check of the file's structure. kStorage with what it found; nothing is written then.
Expected<Done> quick_check(Connection& connection, const std::string& path);

//! Folds the log into the main file and commits a write that changes nothing. Refuses while the disk is
//! full; and after a failed fsync, whose bytes the kernel may have dropped though it still shows them
//! (LWN 752063), what the log says is written anew before anybody acts on it.
Expected<Done> prove_writable(Connection& connection, const std::string& path);

}  // namespace db::sqlite
