#pragma once

#include "api/errors.hpp"
#include "api/http.hpp"
#include "api/ports.hpp"
#include "api/router.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "db/database.hpp"

#include <string>

namespace api {

//! What the payer's page is given. All outlive it.
struct PayNeeds {
    db::Database& database;
    const Chains& chains;
    core::Clock& clock;
    core::Log& log;
};

//! The page on which people pay, for shops without one of their own.
//!   GET /pay/{id}?clientSecret=…
//!
//! Looking at it changes nothing. Its script chooses the payment method and follows the session's
//! events.
class PayApi {
  public:
    explicit PayApi(PayNeeds needs);
    PayApi(const PayApi&) = delete;
    PayApi& operator=(const PayApi&) = delete;

    //! The routes hold a pointer to this.
    void add_routes(Router& router);

    //! What cannot be answered, told to a person where one looks at a page, else as JSON.
    Response refusal(const Request& request, const Problem& problem) const;

  private:
    core::Task<Response> show(Request request);
    Response page(int status, std::string html) const;

    PayNeeds needs_;
    std::string policy_;
};

}  // namespace api
