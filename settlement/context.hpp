#pragma once

#include <string_view>
#include <vector>

#include "chains/ports/chain_info.hpp"
#include "core/chain_types.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "db/database.hpp"
#include "settlement/news.hpp"
#include "settlement/router.hpp"

namespace settlement {

//! The name of settlement's cursor over the facts.
inline constexpr std::string_view kDriverName = "settlement";

//! What every part of settlement is given. References outlive the room's tasks.
struct Context {
    db::Database& database;
    const Router& router;
    core::Clock& clock;
    core::Log& log;
    core::Metrics& metrics;
    std::vector<chains::ChainInfo> chains;
    const Teller* teller = nullptr;  //!< null: nobody is told

    //! Null for a chain that is no longer configured.
    const chains::ChainInfo* chain(const core::ChainId& id) const {
        for (const auto& info : chains) {
            if (info.id == id) return &info;
        }
        return nullptr;
    }
};

}  // namespace settlement
