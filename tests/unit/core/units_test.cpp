#include <catch2/catch.hpp>

#include "core/units.hpp"

using core::Errc;
using core::Units;

namespace {
const std::string kMax = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
}

TEST_CASE("units: text that is no plain decimal -> refused") {
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "0x10", "01", "1_000", "٣"}) {
        INFO(text);
        REQUIRE(Units::from_decimal(text).has_error());
    }
}

TEST_CASE("units: 2^256 -> overflow, 2^256-1 -> kept to the unit") {
    REQUIRE(Units::from_decimal(kMax)->decimal() == kMax);
    std::string above = kMax;
    above.back() = '6';
    REQUIRE(Units::from_decimal(above).error().code == Errc::kOverflow);
    REQUIRE(Units::from_decimal(std::string(79, '9')).error().code == Errc::kOverflow);
}

TEST_CASE("units: 2^64 and above -> never a double") {
    REQUIRE(Units::from_decimal("18446744073709551616")->decimal() == "18446744073709551616");
    REQUIRE(Units::from_decimal("18446744073709551616")->to_u64().has_error());
    REQUIRE(Units::from_decimal("18446744073709551615")->to_u64().value() == ~std::uint64_t{0});
}

TEST_CASE("units: arithmetic at the edges -> an error, not a wrap") {
    const Units max = Units::from_decimal(kMax).value();
    REQUIRE(max.plus(Units{1}).error().code == Errc::kOverflow);
    REQUIRE(Units{}.minus(Units{1}).error().code == Errc::kOverflow);
    REQUIRE(max.times(2).error().code == Errc::kOverflow);
    REQUIRE(max.plus(Units{}).value() == max);
    REQUIRE(max.mul_ratio_floor(9'999, 10'000).has_value());
    REQUIRE(max.mul_ratio_floor(3, 2).error().code == Errc::kOverflow);
}

TEST_CASE("units: ratios -> rounded the way the name says") {
    REQUIRE(Units{101}.mul_ratio_floor(1, 2).value() == Units{50});
    REQUIRE(Units{101}.mul_ratio_ceil(1, 2).value() == Units{51});
    REQUIRE(Units{100}.mul_ratio_ceil(1, 2).value() == Units{50});
}

TEST_CASE("units: a person's decimal -> exact, or refused when it has too many digits") {
    REQUIRE(Units::from_token_decimal("10.50", 6).value() == Units{10'500'000});
    REQUIRE(Units::from_token_decimal("0.000001", 6).value() == Units{1});
    REQUIRE(Units::from_token_decimal("0", 6)->is_zero());
    REQUIRE(Units::from_token_decimal("7", 0).value() == Units{7});
    for (const char* text : {"0.0000001", ".5", "5.", "1,5", "1.2.3", "00.5", "1e2", "-1"}) {
        INFO(text);
        REQUIRE(Units::from_token_decimal(text, 6).has_error());
    }
}

TEST_CASE("units: shown in whole tokens -> two decimals at least, none lost") {
    REQUIRE(Units{10'500'000}.token_decimal(6) == "10.50");
    REQUIRE(Units{1}.token_decimal(6) == "0.000001");
    REQUIRE(Units{}.token_decimal(18) == "0.00");
    REQUIRE(Units{7}.token_decimal(0) == "7");
    REQUIRE(Units{15}.token_decimal(1) == "1.5");
}

TEST_CASE("units: hex quantities and words -> the same number") {
    REQUIRE(Units::from_hex_quantity("0x0")->is_zero());
    REQUIRE(Units::from_hex_quantity("0xff").value() == Units{255});
    REQUIRE(Units{255}.hex_quantity() == "0xff");
    REQUIRE(Units{}.hex_quantity() == "0x0");
    for (const char* text : {"", "0x", "ff", "0xg", "-0x1"}) {
        INFO(text);
        REQUIRE(Units::from_hex_quantity(text).has_error());
    }
    REQUIRE(Units::from_hex_quantity("0x1" + std::string(64, '0')).has_error());
    REQUIRE(Units::from_big_endian(Units{258}.big_endian()).value() == Units{258});
}
