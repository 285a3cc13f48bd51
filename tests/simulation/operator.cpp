#include "tests/simulation/operator.hpp"

#include <nlohmann/json.hpp>

namespace simulation {
namespace {

constexpr core::Millis kEvery{30 * 60'000};

}  // namespace

void Operator::open() {
    world_.agenda().after(kEvery, [this] {
        look();
        open();
    });
}

void Operator::look() {
    if (world_.process() == nullptr) return;
    api::Request request;
    request.method = "GET";
    request.path = "/operator/status";
    world_.process()->ask(std::move(request), true, [this](std::optional<api::Response> response) {
        if (!response || response->status != 200) return;
        const auto status = nlohmann::json::parse(response->body);
        auditor_.heard_status(status);
        for (const auto& payout : status.at("heldPayouts")) {
            order("/operator/payouts/" + std::to_string(payout.at("id").get<std::int64_t>()) + "/resume");
        }
        for (const auto& chain : status.at("chains")) {
            if (chain.at("halts").empty()) continue;
            auditor_.acknowledges(chain.at("chain").get<std::string>());
            order("/operator/halts/" + chain.at("chain").get<std::string>() + "/acknowledge");
        }
    });
}

void Operator::order(std::string path) {
    api::Request request;
    request.method = "POST";
    request.path = std::move(path);
    request.headers["content-type"] = "application/json";
    request.body = R"({"by":"the operator"})";
    // In its own turn: this is called from within the process.
    world_.agenda().after(core::Millis{1}, [this, request = std::move(request)] {
        if (world_.process() == nullptr) return;
        world_.process()->ask(request, true, [](std::optional<api::Response>) {});
    });
}

}  // namespace simulation
