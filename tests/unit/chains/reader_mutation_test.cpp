// Answers spoilt in one place, thousands of them: whatever a node says, a block is read right or not at all.
#include "tests/support/show_expected.hpp"
#include "tests/unit/chains/reader_bench.hpp"

#include <catch2/catch.hpp>

#include <random>

using namespace evm_bench;

namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t count) { return random() % count; }

void collect(json& value, std::vector<json*>& places) {
    places.push_back(&value);
    if (!value.is_structured()) return;
    for (auto& child : value) collect(child, places);
}

json garbage(Random& random) {
    static const std::vector<json> kGarbage{
        nullptr, true, "", "0x", "0xzz", "0x0", "-1", "0x" + std::string(64, 'f'), 0, -1, 1.5, 1e300,
        json::array(), json::object(), "latest", "0x10000000000000000", "0x1"};
    return kGarbage[below(random, kGarbage.size())];
}

//! Another digit, another length, another type, or one thing too many or too few.
void spoil(json& place, Random& random) {
    const auto way = below(random, 4);
    if (place.is_string() && way > 0) {
        std::string text = place.get<std::string>();
        if (way == 1 && text.size() > 2) {
            char& digit = text[2 + below(random, text.size() - 2)];
            digit = digit == '1' ? '2' : '1';
        } else if (way == 2 && !text.empty()) {
            text.pop_back();
        } else {
            text += '0';
        }
        place = text;
    } else if (place.is_array() && !place.empty() && way > 0) {
        if (way == 1) place.erase(below(random, place.size()));
        if (way == 2) place.push_back(json(place[0]));
        if (way == 3) place = json::array();
    } else if (place.is_object() && !place.empty() && way > 1) {
        auto at = place.begin();
        std::advance(at, static_cast<long>(below(random, place.size())));
        place.erase(at);
    } else {
        place = garbage(random);
    }
}

}  // namespace

TEST_CASE("reader: one answer of each reading spoilt, 6,000 times -> the truth or an error [F25]",
          "[F25]") {
    Bench honest{1};
    FakeTx noise;
    noise.seed = "noise";
    noise.logs.push_back(transfer(honest.usdc, honest.carol, honest.carol, 1));
    FakeTx payment;
    payment.seed = "payment";
    payment.logs.push_back(transfer(honest.usdc, honest.carol, honest.alice, 7));
    const FakeBlock content{{noise, payment}, ""};
    honest.chain.mine(content);
    const auto truth = honest.scan(1);
    REQUIRE(truth);
    REQUIRE(truth->deposits.size() == 1);

    int refused = 0;
    for (std::uint64_t seed = 0; seed < 6'000; ++seed) {
        Bench bench{1};
        bench.chain.mine(content);
        Random random{seed};
        auto spare = below(random, 4);
        bench.twists[0] = [&](const std::string& method, const json&, json& result) {
            if (method == "eth_chainId" || spare-- != 0) return;
            std::vector<json*> places;
            collect(result, places);
            spoil(*places[below(random, places.size())], random);
        };
        const auto scan = bench.scan(1);
        if (!scan) {
            ++refused;
            continue;
        }
        INFO("seed " << seed);
        REQUIRE(scan->block == truth->block);
        REQUIRE(scan->deposits == truth->deposits);
    }
    CHECK(refused > 1'000);
}
