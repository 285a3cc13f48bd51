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

//! SQLite's own check of the file's structure. kStorage with what it found.
Expected<Done> quick_check(Connection& connection, const std::string& path);

}  // namespace db::sqlite
