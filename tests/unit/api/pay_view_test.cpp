#include "api/pay_view.hpp"

#include "api/impl/html.hpp"
#include "api/impl/pay_files.hpp"
#include "api/impl/pay_words.hpp"
#include "api/impl/payment_uri.hpp"
#include "api/pay_api.hpp"
#include "tests/unit/api/session_cases.hpp"
#include "tests/unit/api/store_fixture.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fstream>
#include <sstream>

using namespace api;
using namespace api_test;
using session::State;

namespace {

constexpr core::Instant kInTime{1'700'001'000'000};
constexpr core::Instant kLate{1'700'003'600'000};

//! The part of a page that the session decides, without the drawing of the code.
std::string content(std::string page) {
    const std::size_t main = page.find("<main");
    page = page.substr(main, page.find("</main>") - main);
    const std::size_t drawing = page.find("<svg");
    if (drawing == std::string::npos) return page;
    return page.replace(drawing, page.find("</svg>") + 6 - drawing, "[code]");
}

std::string shown(const SessionFacts& facts, core::Instant now = kInTime) {
    return content(pay_page(facts, FakeChains{}, now));
}

SessionFacts part_came() {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseUsdc, 4'000'000, db::DepositStatus::kDetected));
    return facts;
}

SessionFacts wrong_coin() {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseEth, 4'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.back().can_fund = false;
    facts.deposits.back().claim = db::ClaimUse::kStray;
    return facts;
}

SessionFacts taken_back() {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseUsdc, 10'000'000, db::DepositStatus::kOrphaned));
    return facts;
}

SessionFacts seen() {
    SessionFacts facts = with_method();
    facts.row.session.state = State::kDetected;
    facts.deposits.push_back(deposit(1, kBaseUsdc, 10'000'000, db::DepositStatus::kDetected));
    return facts;
}

SessionFacts any_coin() {
    SessionFacts facts = with_method();
    facts.row.session.destination.asset = kBaseEth;
    facts.row.session.destination.units.reset();
    return facts;
}

SessionFacts overpaid(bool returned) {
    SessionFacts facts = closed(State::kDelivered, kBaseUsdc);
    facts.deposits[0].units = core::Units{12'000'000};
    auto& funding = *facts.row.session.funding;
    funding.received = core::Units{12'000'000};
    if (returned) funding.excess = core::Units{2'000'000};
    if (!returned) facts.row.outcome_units = funding.received;
    return facts;
}

SessionFacts returned() {
    SessionFacts facts = closed(State::kRefunded, kBaseUsdc);
    facts.row.session.reason = session::Reason::kUnderpaidAtDeadline;
    facts.deposits[0].claim = db::ClaimUse::kRefund;
    facts.deposits[0].units = core::Units{4'000'000};
    facts.row.session.funding->received = core::Units{4'000'000};
    facts.row.outcome_units = core::Units{4'000'000};
    return facts;
}

SessionFacts stopped() {
    SessionFacts facts = funded(State::kHeld, kBaseUsdc);
    facts.row.session.reason = session::Reason::kNoRefundAddress;
    facts.row.session.reason_text = "the token is paused";
    return facts;
}

SessionFacts late_money() {
    SessionFacts facts = with_method();
    facts.row.session.state = State::kExpired;
    facts.deposits.push_back(deposit(1, kBaseUsdc, 10'000'000, db::DepositStatus::kConfirmed));
    facts.deposits.back().mined_at = core::Instant{1'700'009'000'000};
    facts.deposits.back().claim = db::ClaimUse::kStray;
    return facts;
}

SessionFacts wrong_coin_to_the_end() {
    SessionFacts facts = wrong_coin();
    facts.row.session.state = State::kExpired;
    return facts;
}

SessionFacts expired() {
    SessionFacts facts = with_method();
    facts.row.session.state = State::kExpired;
    return facts;
}

//! For a moment the deposit is there, and the session was not told yet.
SessionFacts just_arrived() {
    SessionFacts facts = with_method();
    facts.deposits.push_back(deposit(1, kBaseUsdc, 10'000'000, db::DepositStatus::kDetected));
    return facts;
}

SessionFacts without_refund_address(SessionFacts facts) {
    facts.row.session.refund_address.reset();
    if (!facts.deposits.empty() && facts.deposits.back().claim == db::ClaimUse::kStray) {
        facts.deposits.back().claim = db::ClaimUse::kHeld;
    }
    return facts;
}

//! Every situation a payer may meet, with its golden file.
struct PayGolden {
    const char* name;
    SessionFacts facts;
    core::Instant now = kInTime;

    std::string path() const {
        return std::string{DEPOSITD_SOURCE_DIR} + "/tests/golden/pay/" + name + ".html";
    }
    std::string actual() const { return shown(facts, now) + "</main>\n"; }
};

std::vector<PayGolden> pay_goldens() {
    return {{"created", opened()},
            {"waiting", with_method()},
            {"waiting_any_coin", any_coin()},
            {"underpaid", part_came()},
            {"wrong_coin", wrong_coin()},
            {"taken_back", taken_back()},
            {"time_up", with_method(), kLate},
            {"seen", seen()},
            {"delivering", funded(State::kDelivering, kBaseUsdc)},
            {"held", stopped()},
            {"succeeded", closed(State::kDelivered, kBaseUsdc)},
            {"overpaid", overpaid(false)},
            {"overpaid_returned", overpaid(true)},
            {"bounced", returned()},
            {"expired", expired(), kLate},
            {"expired_late_money", late_money(), kLate},
            {"expired_wrong_coin", wrong_coin_to_the_end(), kLate}};
}

}  // namespace

TEST_CASE("html: text of anybody -> shown as it stands, in text and in attributes") {
    CHECK(impl::Html::text("a<b>&\"c\" 'd'").str() == "a&lt;b&gt;&amp;&quot;c&quot; &#39;d&#39;");
    CHECK(impl::Html::text("</script><script>alert(1)</script>").str().find('<') ==
          std::string::npos);
    CHECK(impl::Html::text("Zürich → 東京").str() == "Zürich → 東京");
    CHECK(impl::Html::text("").empty());
}

TEST_CASE("html: a page is filled -> each name by its value, values are not looked into") {
    const std::string page =
        impl::fill_page("<p>{{a}}</p>{{b}}{{a}}",
                        {{"a", impl::Html::text("{{b}}")}, {"b", impl::Html::markup("<br>")}});
    CHECK(page == "<p>{{b}}</p><br>{{b}}");
}

TEST_CASE("payment URI: token and coin, with and without an amount -> as EIP-681 has them") {
    const core::Units units{10'000'000};
    CHECK(impl::payment_uri({8453, kShop, kUsdc, units}) ==
          "ethereum:" + kUsdc + "@8453/transfer?address=" + kShop + "&uint256=10000000");
    CHECK(impl::payment_uri({8453, kShop, kUsdc, {}}) ==
          "ethereum:" + kUsdc + "@8453/transfer?address=" + kShop);
    CHECK(impl::payment_uri({1, kShop, "", units}) == "ethereum:" + kShop + "@1?value=10000000");
    CHECK(impl::payment_uri({1, kShop, "", {}}) == "ethereum:" + kShop + "@1");
}

TEST_CASE("QR code: a text -> a square of it with a quiet zone; too long a text -> none") {
    const std::string svg = impl::qr_svg("ethereum:" + kShop + "@1", "say \"this\"");
    CHECK_THAT(svg, Catch::StartsWith("<svg ") && Catch::EndsWith("</svg>"));
    // 53 bytes at level M: version 4, 33 modules and twice 4. The finder begins with a run of
    // seven.
    CHECK_THAT(svg, Catch::Contains("viewBox=\"0 0 41 41\"") && Catch::Contains("\"M4 4h7v1h-7z"));
    CHECK_THAT(svg, Catch::Contains("aria-label=\"say &quot;this&quot;\""));
    CHECK(impl::qr_svg(std::string(5'000, 'x'), "").empty());
}

TEST_CASE("pay words: times -> in full, in UTC") {
    CHECK(impl::time_words(core::Instant{1'700'003'600'000}) == "14 Nov 2023, 23:13 UTC");
    CHECK(impl::time_iso(core::Instant{1'700'003'600'000}) == "2023-11-14T23:13:20Z");
    CHECK(impl::time_words(core::Instant{1'709'251'269'000}) == "1 Mar 2024, 00:01 UTC");
    CHECK(impl::time_iso(core::Instant{0}) == "1970-01-01T00:00:00Z");
}

TEST_CASE("pay page: each situation -> as in its golden file") {
    for (const PayGolden& golden : pay_goldens()) {
        CAPTURE(golden.path());
        std::ifstream file{golden.path()};
        std::stringstream text;
        text << file.rdbuf();
        CHECK(text.str() == golden.actual());
    }
}

// Accepts a change on purpose: unit_api "[update-golden]", then read the diff.
TEST_CASE("pay page: golden files written anew", "[.][update-golden]") {
    for (const PayGolden& golden : pay_goldens()) {
        std::ofstream file{golden.path()};
        file << golden.actual();
        CHECK(file.good());
    }
}

TEST_CASE("pay page: every state -> a headline, and an address only while money may be sent") {
    for (const State state : session::kAllStates) {
        for (const core::Instant now : {kInTime, kLate}) {
            SessionFacts facts = with_method();
            facts.row.session.state = state;
            const std::string page = shown(facts, now);
            CAPTURE(page);
            CHECK_THAT(page, Catch::Contains("<h2>") && !Catch::Contains("<h2></h2>"));
            const bool may_pay = session::is_waiting(state) && now == kInTime;
            CHECK((page.find(facts.receiver->address.hex0x()) != std::string::npos) == may_pay);
            const char* final = session::is_final(state) ? "data-final=\"true\"" : "\"false\"";
            CHECK_THAT(page, Catch::Contains(final));
        }
    }
}

TEST_CASE("pay page: a title of markup -> text, in the heading and in the title") {
    SessionFacts facts = with_method();
    facts.row.display_json =
        R"({"title":"<img src=x onerror=alert(1)>{{style}}","verb":"</bdi><script>","themeMode":"dark"})";
    const std::string page = pay_page(facts, FakeChains{}, kInTime);
    CHECK_THAT(page, !Catch::Contains("<img") && !Catch::Contains("</bdi><script>"));
    CHECK_THAT(page, Catch::Contains("<title>&lt;img src=x onerror=alert(1)&gt;{{style}}</title>"));
    CHECK_THAT(page, Catch::Contains("data-theme=\"dark\""));
}

TEST_CASE("pay page: an explorer is known -> transactions lead there; none is -> the hash alone") {
    FakeChains chains;
    const SessionFacts facts = closed(State::kDelivered, kBaseUsdc);
    const std::string hash = facts.row.outcome_tx->hex0x();
    CHECK_THAT(pay_page(facts, chains, kInTime),
               Catch::Contains("<code>" + hash + "</code>") && !Catch::Contains("<a rel"));
    for (ChainFacts& chain : chains.chains) chain.explorer_url = "https://look.example/?a=1&b";
    CHECK_THAT(pay_page(facts, chains, kInTime),
               Catch::Contains("href=\"https://look.example/?a=1&amp;b/tx/" + hash + "\""));
}

TEST_CASE("pay page: the chain is no longer configured -> no address to pay to") {
    FakeChains chains;
    chains.chains.clear();
    chains.all.clear();
    const std::string page = pay_page(with_method(), chains, kInTime);
    CHECK_THAT(page, Catch::Contains("cannot be paid on") && !Catch::Contains("copy-address"));
}

TEST_CASE("pay page: its policy -> our own style and script, and nothing else") {
    const std::string policy = pay_page_policy();
    CHECK_THAT(policy, Catch::StartsWith("default-src 'none'; script-src 'sha256-"));
    CHECK_THAT(policy,
               !Catch::Contains("unsafe") && !Catch::Contains("http") && !Catch::Contains("*"));
    const std::string page = pay_page(with_method(), FakeChains{}, kInTime);
    CHECK_THAT(page, Catch::Contains("<script>" + std::string{pay_page_js()} + "</script>"));
    CHECK_THAT(page, Catch::Contains("<style>" + std::string{pay_page_css()} + "</style>"));
    // The policy would let none of these work.
    CHECK_THAT(page, !Catch::Contains(" style=") && !Catch::Contains(" onclick="));
}

TEST_CASE("pay: the right secret -> the page, kept by nobody and told to nobody; else why not") {
    StoreFixture f;
    PayApi pay{{*f.database, f.chains, f.clock, f.log}};
    pay.add_routes(f.router);
    const auto session = f.create();
    const std::string id = session["sessionId"];
    const std::string secret = session["clientSecret"];
    const auto get = [&](const std::string& of, const std::string& with) {
        Request request;
        request.method = "GET";
        request.path = "/pay/" + of;
        request.query = {{"clientSecret", with}};
        return run(f.io, f.router.dispatch(std::move(request)));
    };
    const Response good = get(id, secret);
    CHECK(good.status == 200);
    CHECK(good.content_type == "text/html; charset=utf-8");
    CHECK(good.headers ==
          std::vector<std::pair<std::string, std::string>>{
              {"referrer-policy", "no-referrer"}, {"content-security-policy", pay_page_policy()}});
    CHECK_THAT(good.body, !Catch::Contains(secret));
    const Response wrong = get(id, std::string(32, '0'));
    CHECK(wrong.status == 401);
    CHECK_THAT(wrong.body, Catch::Contains("link is not complete") && !Catch::Contains("Shop"));
    CHECK(get(id, "").status == 401);
    const Response none = get(std::string(32, 'f'), secret);
    CHECK(none.status == 404);
    CHECK_THAT(none.body, Catch::Contains("no payment with this link"));
    CHECK_THAT(pay_problem_page(500), Catch::Contains("Nothing is lost"));
    CHECK_THAT(f.log.text, !Catch::Contains(secret));
}

TEST_CASE("pay page: the payment is there, the session was not told yet -> seen, nothing to pay") {
    for (const core::Instant now : {kInTime, kLate}) {
        const SessionFacts facts = just_arrived();
        const std::string page = shown(facts, now);
        CHECK_THAT(page, Catch::Contains("Your payment was seen") &&
                             Catch::Contains("10.00 USDC arrived") &&
                             !Catch::Contains("Nothing has arrived") &&
                             !Catch::Contains(facts.receiver->address.hex0x()));
    }
    SessionFacts nearly = just_arrived();
    nearly.deposits[0].units = core::Units{9'900'000};
    nearly.row.session.policy.tolerance_bps = 0;
    CHECK_THAT(shown(nearly), Catch::Contains("0.10 USDC is missing"));
    nearly.row.session.policy.tolerance_bps = 100;
    CHECK_THAT(shown(nearly), Catch::Contains("Your payment was seen"));
    SessionFacts other = with_method();
    other.deposits.push_back(deposit(1, kBaseEth, 10'000'000, db::DepositStatus::kDetected));
    other.deposits.back().can_fund.reset();
    CHECK_THAT(shown(other), !Catch::Contains("Your payment was seen"));
}

TEST_CASE("pay page: no address to return money to -> nobody is promised any") {
    const std::string part = shown(without_refund_address(part_came()));
    CHECK_THAT(part,
               Catch::Contains("no address to return it to") && !Catch::Contains("is returned"));
    for (const SessionFacts& facts : {late_money(), wrong_coin_to_the_end()}) {
        const std::string page = shown(without_refund_address(facts), kLate);
        CHECK_THAT(page, Catch::Contains("no address to return it to") &&
                             Catch::Contains("contact the shop") &&
                             !Catch::Contains("sent back.") && !Catch::Contains("told below"));
        CHECK_THAT(shown(facts, kLate), Catch::Contains("told below"));
    }
}

TEST_CASE("pay page: more transfers than are listed -> how many more") {
    SessionFacts facts = part_came();
    facts.others.push_back(
        {kBaseUsdc, db::DepositStatus::kDetected, true, {}, false, 1'234, core::Units{500'000}});
    const std::string page = shown(facts);
    CHECK_THAT(page, Catch::Contains("<li>And 1234 more.</li>") &&
                         Catch::Contains("5.50 USDC is missing"));
}

TEST_CASE("pay: asked for too often -> a page for who looks at one, JSON for the others") {
    StoreFixture f;
    const PayApi pay{{*f.database, f.chains, f.clock, f.log}};
    Request request;
    request.method = "GET";
    request.path = "/pay/" + std::string(32, 'f');
    const Problem problem = too_many_requests("Too many requests.");
    CHECK(pay.refusal(request, problem).content_type == "application/json");
    request.headers["accept"] = "text/html,application/xhtml+xml,*/*;q=0.8";
    const Response shown = pay.refusal(request, problem);
    CHECK(shown.status == 429);
    CHECK(shown.content_type == "text/html; charset=utf-8");
    CHECK_THAT(shown.body, Catch::Contains("asked for too often"));
    const std::pair<std::string, std::string> wait{"retry-after", "1"};
    CHECK(std::count(shown.headers.begin(), shown.headers.end(), wait) == 1);
    request.path = "/v1/sessions";
    CHECK(pay.refusal(request, problem).content_type == "application/json");
}
