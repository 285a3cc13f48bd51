#include "tests/simulation/ask.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace simulation {

using nlohmann::json;

void ask(World& world, Question question, std::function<void(int, const json&)> answered) {
    if (world.process() == nullptr) return answered(0, json{});
    api::Request request;
    request.method = std::move(question.method);
    request.path = std::move(question.path);
    request.body = std::move(question.body);
    request.remote = "203.0.113.7";
    request.request_id = "simulated";
    if (!request.body.empty()) request.headers["content-type"] = "application/json";
    if (!question.key.empty()) request.headers["authorization"] = "Bearer " + question.key;
    if (!question.idempotency.empty()) {
        request.headers["idempotency-key"] = std::move(question.idempotency);
    }
    world.process()->ask(
        std::move(request), false,
        [&world, answered = std::move(answered)](std::optional<api::Response> response) {
            if (!response) return answered(0, json{});
            world.trace().fold("api", response->body);
            if (response->status / 100 != 2 && world.trace().is_heard()) {
                world.trace().listener()(world.now(), "api", response->body);
            }
            answered(response->status, json::parse(response->body, nullptr, false));
        });
}

}  // namespace simulation
