#pragma once

#include "api/http.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace api {

//! Finds the handler of a request. Built once, then only read.
class Router {
  public:
    //! `pattern`: segments divided by '/', "{name}" matches one non-empty segment and is handed to
    //! the handler in Request::captures, in order.
    void add(std::string method, std::string_view pattern, Handler handler);

    //! 404 for an unknown path, 405 (with Allow) for an unknown method of a known one.
    core::Task<Response> dispatch(Request request) const;

    //! "GET /v1/sessions/{id}", in the order of add().
    std::vector<std::string> routes() const;

  private:
    struct Route {
        std::string method;
        std::vector<std::string> segments;
        Handler handler;
    };
    std::vector<Route> routes_;
};

}  // namespace api
