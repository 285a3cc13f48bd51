#pragma once

#include <functional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "tests/simulation/world.hpp"

namespace simulation {

//! What somebody outside asks of the daemon's API.
struct Question {
    std::string method;
    std::string path;
    std::string body{};  //!< JSON, or nothing
    std::string key{};   //!< of the API, or nothing
    std::string idempotency{};
};

//! `answered` is called with status 0 when nobody is there, or the daemon dies over it.
void ask(World& world, Question question,
         std::function<void(int status, const nlohmann::json& answer)> answered);

}  // namespace simulation
