#pragma once

#include "core/chain_types.hpp"
#include "core/expected.hpp"
#include "core/units.hpp"
#include "db/database.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace watchers {

//! What addresses should hold by the rows, kept while no row that says so changes. For one look at a
//! time.
class NativeSums {
  public:
    //! Of these addresses, as of the view that `work` has.
    core::Expected<std::vector<std::optional<core::Units>>> of(
        db::UnitOfWork& work, const core::ChainId& chain, const core::AssetId& native,
        const std::vector<core::Address>& addresses);

  private:
    std::int64_t changes_ = -1;
    std::map<core::Address, std::optional<core::Units>> sums_;
};

}  // namespace watchers
