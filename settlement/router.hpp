#pragma once

#include "core/ids.hpp"
#include "session/types.hpp"

namespace settlement {

//! Which assets can pay for which destination. One port for every route there will be: direct now,
//! treasury and bridges later.
struct Router {
    virtual ~Router() = default;
    //! Can this asset, at the session's receiver, become what the destination wants?
    virtual bool can_fund(const session::Destination& destination,
                          const core::AssetId& asset) const = 0;
};

//! Same chain, same token: the receiver pays the destination itself.
class DirectRouter final : public Router {
  public:
    bool can_fund(const session::Destination& destination,
                  const core::AssetId& asset) const override {
        return destination.asset == asset;
    }
};

}  // namespace settlement
