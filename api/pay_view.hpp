#pragma once

#include "api/ports.hpp"
#include "api/session_view.hpp"
#include "core/time.hpp"

#include <string>

// The page that a payer looks at, from the files of api/pay. Pure functions of what is stored; the
// golden files of tests/golden/pay show every state.
namespace api {

//! The page of a session. The client secret is not in it: the page's script takes it from the
//! address.
std::string pay_page(const SessionFacts& facts, const Chains& chains, core::Instant now);

//! A page that says why there is none.
std::string pay_problem_page(int status);

//! The Content-Security-Policy of both: our own style and script, by their hashes, our own API,
//! nothing else from anywhere.
std::string pay_page_policy();

}  // namespace api
