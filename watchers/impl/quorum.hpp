#pragma once

#include "chains/ports/reader.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "db/database.hpp"
#include "watchers/impl/credit.hpp"

#include <optional>
#include <string>
#include <vector>

namespace watchers {

struct Asked {
    Corroborated agreed;
    std::optional<core::Error>
        refused;          //!< the first that was not agreed on; later ones were not asked
    std::string waiting;  //!< the same in words
};

//! Asks as many endpoints as each deposit's tier wants, one deposit after the other, a bounded
//! number of them, up to the first that is not agreed on: scanning must not wait long for a slow
//! endpoint.
core::Task<core::Expected<Asked>> ask_endpoints(chains::ChainReader& reader, db::Database& db,
                                                std::vector<db::Deposit> deposits);

}  // namespace watchers
