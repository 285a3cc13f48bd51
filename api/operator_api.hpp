#pragma once

#include "api/errors.hpp"
#include "api/http.hpp"
#include "api/ports.hpp"
#include "api/router.hpp"
#include "core/clock.hpp"
#include "db/database.hpp"

#include <optional>
#include <string>
#include <utility>

namespace api {

struct OperatorOptions {
    //! When set, /operator/… needs `Authorization: Bearer TOKEN`. The listener itself belongs on
    //! a private address.
    std::string token;
};

//! What the operator's listener offers. Never on the public one.
//!   GET  /healthz                              the process lives and the store takes writes
//!   GET  /readyz                               503 and the reasons while a component is not ready
//!   GET  /metrics                              Prometheus text
//!   GET  /operator/status                      counts, halts, held payouts, heights
//!   POST /operator/replays                     {"chain","from","to"} | {"tx"} | {"session"}
//!   GET  /operator/replays/{id}
//!   POST /operator/halts/{chain}/acknowledge   {"by"}
//!   POST /operator/payouts/{id}/resume         {"by"}
class OperatorApi {
  public:
    OperatorApi(db::Database& database, OperatorView& view, Operator& actions, core::Clock& clock,
                core::Log& log, OperatorOptions options)
        : database_{database},
          view_{view},
          actions_{actions},
          clock_{clock},
          log_{log},
          options_{std::move(options)} {}
    OperatorApi(const OperatorApi&) = delete;
    OperatorApi& operator=(const OperatorApi&) = delete;

    //! The routes hold a pointer to this.
    void add_routes(Router& router);

  private:
    core::Task<Response> healthz(Request request);
    core::Task<Response> readyz(Request request);
    core::Task<Response> metrics(Request request);
    core::Task<Response> status(Request request);
    core::Task<Response> start_replay(Request request);
    core::Task<Response> replay(Request request);
    core::Task<Response> acknowledge(Request request);
    core::Task<Response> resume(Request request);
    std::optional<Problem> forbidden(const Request& request) const;
    core::Task<OperatorView::Halts> halts();
    nlohmann::json components_json(const OperatorView::Halts& halts) const;

    db::Database& database_;
    OperatorView& view_;
    Operator& actions_;
    core::Clock& clock_;
    core::Log& log_;
    OperatorOptions options_;
};

}  // namespace api
