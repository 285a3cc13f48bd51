#pragma once

#include "api/http.hpp"
#include "core/expected.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace api {

//! What the caller is told when something cannot be done. `message` reaches payers unchanged:
//! written for people, without secrets.
struct Problem {
    int status = 500;
    std::string type;  //!< authentication_error, validation_error, invalid_request_error, api_error
    std::string code;  //!< snake case; clients should not depend on it
    std::string message;
    std::string param;  //!< the field, "destination.amountUnits"; empty: none

    friend bool operator==(const Problem&, const Problem&) = default;
};

//! A value, or what to tell the caller.
template <class T>
class [[nodiscard]] Checked {
  public:
    Checked(T value) : state_{std::in_place_index<0>, std::move(value)} {}
    Checked(Problem problem) : state_{std::in_place_index<1>, std::move(problem)} {}
    explicit operator bool() const { return state_.index() == 0; }
    T& operator*() { return *std::get_if<0>(&state_); }
    const T& operator*() const { return *std::get_if<0>(&state_); }
    T* operator->() { return std::get_if<0>(&state_); }
    const T* operator->() const { return std::get_if<0>(&state_); }
    const Problem& problem() const { return *std::get_if<1>(&state_); }

  private:
    std::variant<T, Problem> state_;
};

//! 400 validation_error, code invalid_parameter.
Problem invalid_parameter(std::string param, std::string message);
//! 400 invalid_request_error: well-formed, but impossible.
Problem impossible(std::string code, std::string message, std::string param = {});
//! 401 authentication_error.
Problem unauthorized(std::string code, std::string message);
//! 404 invalid_request_error.
Problem not_found(std::string code, std::string message);
//! 429 invalid_request_error; the answer says when to come back.
Problem too_many_requests(std::string message);
//! 409 invalid_request_error.
Problem conflict(std::string code, std::string message);
//! 500 api_error without any detail: the log has it, under the request's id.
Problem internal_error();
//! An operator's call that failed: the error as it is, with the status its code stands for.
Problem from_error(const core::Error& error);

//! {"error": {type, code, message, param?}}
Response problem_response(const Problem& problem);

}  // namespace api
