#include "net/target.hpp"

#include "tests/support/show_expected.hpp"
#include "tests/unit/net/fakes.hpp"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using core::Errc;
using net::IpAddress;
using net::TargetRules;

namespace {

constexpr TargetRules kStrict{};
constexpr TargetRules kOpen{true};

//! Says what it was told to say, one answer after the other.
struct FakeResolver final : net::Resolver {
    std::vector<std::vector<std::string>> answers;
    std::vector<std::string> asked;

    core::Task<core::Expected<std::vector<IpAddress>>> resolve(std::string host,
                                                               core::Millis) override {
        asked.push_back(std::move(host));
        std::vector<IpAddress> out;
        const auto& answer = answers.at(std::min(asked.size(), answers.size()) - 1);
        for (const std::string& text : answer) out.push_back(IpAddress::from_text(text).value());
        co_return out;
    }
};

core::Expected<IpAddress> find(FakeResolver& resolver, const std::string& url,
                               TargetRules rules = kStrict, std::size_t turn = 0) {
    core::asio::io_context loop;
    auto target = net::parse_target(url, rules);
    REQUIRE(target.has_value());
    return net::testing::run(
        loop, net::find_address(&resolver, *target, rules, turn, core::Millis{1'000}));
}

}  // namespace

TEST_CASE("target: a URL that leads inside, or is read in two ways -> refused [F90]") {
    const std::string url = GENERATE(
        // other schemes, and none
        "", "https", "https:/example.com", "https:example.com", "//example.com/", "example.com",
        "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/",
        "javascript:alert(1)", "dict://example.com:11211/", "https+unix://example.com/",
        "ws://example.com/", " https://example.com/", "https ://example.com/",
        // numbers that some program takes for an address
        "https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://127.1/",
        "https://127.0.1/", "https://0177.0.0.1/", "https://0x7f.0.0.1/", "https://127.0.0.0x1/",
        "https://127.000.000.001/", "https://1.2.3.4.5/", "https://256.1.1.1/", "https://0/",
        "https://example.0x/", "https://3232235521/", "https://10.1/", "https://192.168.257/",
        // addresses that are not public
        "https://127.0.0.1/", "https://127.0.0.1:8443/", "https://0.0.0.0/", "https://10.0.0.1/",
        "https://172.16.0.1/", "https://172.31.255.255/", "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://100.100.100.200/",
        "https://168.63.129.16/", "https://192.0.0.192/", "https://198.18.0.1/",
        "https://192.0.2.1/", "https://198.51.100.1/", "https://203.0.113.1/",
        "https://192.88.99.1/", "https://224.0.0.1/", "https://240.0.0.1/",
        "https://255.255.255.255/",
        // the same in version 6, and carried inside of it
        "https://[::1]/", "https://[::]/", "https://[0:0:0:0:0:0:0:1]/", "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/", "https://[fe80::1%eth0]/", "https://[fc00::1]/",
        "https://[fd00:ec2::254]/", "https://[ff02::1]/", "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/", "https://[::ffff:0.0.0.0]/", "https://[::ffff:8.8.8.8]/",
        "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b::10.0.0.1]/",
        "https://[64:ff9b:1::a00:1]/", "https://[2002:7f00:1::]/", "https://[2002:a00:1::1]/",
        "https://[2001:0:5ef5:79fd::1]/", "https://[2001:db8::1]/", "https://[3fff::1]/",
        "https://[fec0::1]/", "https://[100::1]/", "https://[2001:10::1]/",
        // brackets
        "https://[127.0.0.1]/", "https://[::1/", "https://::1/", "https://[::1]x/", "https://[]/",
        "https://[example.com]/", "https://[v1.fe]/",
        // who is who in the authority
        "https://user@example.com/", "https://user:secret@example.com/",
        "https://example.com@127.0.0.1/", "https://127.0.0.1#@example.com/",
        "https://example.com\\@127.0.0.1/", "https://example.com%2f@127.0.0.1/", "https://@/",
        "https:///path", "https://?x", "https://:443/", "https://#",
        // letters that are folded into others, and signs that vanish
        "https://ex\xE3\x80\x82""ample.com/", "https://127\xE3\x80\x82""0\xE3\x80\x82""0\xE3\x80\x82""1/",
        "https://\xE2\x91\xA0\xE2\x91\xA1\xE2\x91\xA7.0.0.1/", "https://lo\xC2\xAD""calhost/",
        "https://127.0.0.1%00.example.com/", "https://example%2ecom/", "https://exa mple.com/",
        "https://example.com\t/", "https://example.com/\r\nHost: inside", "https://example.com/\n",
        // names
        "https://localhost/", "https://LOCALHOST/", "https://localhost./", "https://a.localhost/",
        "https://printer.local/", "https://metadata.google.internal/", "https://intranet/",
        "https://router.home.arpa/", "https://example.com./", "https://.example.com/",
        "https://example..com/", "https://-example.com/", "https://example-.com/",
        "https://exa_mple.com/", "https://*.example.com/",
        // ports
        "https://example.com:/", "https://example.com:0/", "https://example.com:22/",
        "https://example.com:25/", "https://example.com:80/", "https://example.com:65536/",
        "https://example.com:0443/", "https://example.com:+443/", "https://example.com:-1/",
        "https://example.com:443:443/", "https://example.com:4 43/", "https://example.com:443a/",
        // what is left
        "https://example.com/#fragment", "https://example.com/{x}", "https://example.com/<x>",
        "https://example.com/\"", "https://example.com/`id`", "https://example.com/a\\b");
    INFO(url);
    const auto target = net::parse_target(url, kStrict);
    REQUIRE_FALSE(target.has_value());
    CHECK(target.error().code == Errc::kInvalid);
    CHECK(target.error().message.find("secret") == std::string::npos);
}

TEST_CASE("target: longer than a URL, a name or a label may be -> refused") {
    CHECK_FALSE(net::parse_target("https://example.com/" + std::string(2048, 'a'), kStrict));
    CHECK_FALSE(net::parse_target("https://" + std::string(64, 'a') + ".com/", kStrict));
    std::string name = "com";
    while (name.size() < 254) name = "abcdefghi." + name;
    CHECK_FALSE(net::parse_target("https://" + name + "/", kStrict));
}

TEST_CASE("target: usual URLs -> taken apart, and written in one way") {
    struct Case {
        std::string text, url, host;
        std::uint16_t port;
    };
    const Case one = GENERATE(
        Case{"https://example.com", "https://example.com/", "example.com", 443},
        Case{"HTTPS://Example.COM/Hooks?a=B", "https://example.com/Hooks?a=B", "example.com", 443},
        Case{"https://example.com:443/", "https://example.com/", "example.com", 443},
        Case{"https://example.com:8443?x=1", "https://example.com:8443/?x=1", "example.com", 8443},
        Case{"https://xn--bcher-kva.example.org/", "https://xn--bcher-kva.example.org/",
             "xn--bcher-kva.example.org", 443},
        Case{"https://8.8.8.8/x", "https://8.8.8.8/x", "8.8.8.8", 443},
        Case{"https://[2606:4700:0000::1111]:8443/", "https://[2606:4700::1111]:8443/",
             "2606:4700::1111", 8443},
        Case{"https://a.b/@x/../y%2F;z", "https://a.b/@x/../y%2F;z", "a.b", 443});
    INFO(one.text);
    const auto target = net::parse_target(one.text, kStrict);
    REQUIRE(target.has_value());
    CHECK(target->url() == one.url);
    CHECK(target->host == one.host);
    CHECK(target->port == one.port);
    CHECK(target->origin().find('?') == std::string::npos);
}

TEST_CASE("target: private ones allowed -> http, local names, any port; still no other trick") {
    const std::string good =
        GENERATE("http://127.0.0.1:81/x", "http://localhost:3000/", "https://10.0.0.1/",
                 "http://[::1]:9000/", "http://receiver:80/");
    INFO(good);
    CHECK(net::parse_target(good, kOpen).has_value());
    CHECK_FALSE(net::parse_target("ftp://127.0.0.1/", kOpen));
    CHECK_FALSE(net::parse_target("http://127.1/", kOpen));
    CHECK_FALSE(net::parse_target("http://a:b@127.0.0.1/", kOpen));
    CHECK_FALSE(net::parse_target("http://127.0.0.1\\x/", kOpen));
}

TEST_CASE("address: each block that is not the public internet -> known, at both of its ends [F90]") {
    const std::string closed = GENERATE(
        "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255",
        "127.0.0.0", "127.255.255.255", "169.254.0.0", "169.254.255.255", "172.16.0.0",
        "172.31.255.255", "192.0.0.0", "192.0.0.255", "192.0.2.255", "192.88.99.255", "192.168.0.0",
        "192.168.255.255", "198.18.0.0", "198.19.255.255", "198.51.100.255", "203.0.113.255",
        "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255", "168.63.129.16", "::", "::1",
        "::2", "::ffff:1.1.1.1", "64:ff9b::", "64:ff9b:1:ffff::", "100::", "2001::", "2001:1ff::",
        "2001:db8:ffff::", "2002::", "2002:ffff::", "3fff::", "3fff:fff::", "4000::", "5f00::1",
        "fc00::", "fdff::", "fe80::", "febf::", "fec0::", "ff00::", "ffff::", "1fff::");
    INFO(closed);
    const auto address = IpAddress::from_text(closed);
    REQUIRE(address.has_value());
    CHECK_FALSE(net::is_public(*address));
}

TEST_CASE("address: neighbours of those blocks -> public") {
    const std::string open = GENERATE(
        "1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
        "192.0.3.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "198.51.99.255", "203.0.112.255", "203.0.114.0", "223.255.255.255", "168.63.129.17",
        "2001:200::", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:4700::1111",
        "3ffe:ffff::", "2000::");
    INFO(open);
    const auto address = IpAddress::from_text(open);
    REQUIRE(address.has_value());
    CHECK(net::is_public(*address));
}

TEST_CASE("find address: one of several is not public -> none of them is called [F90]") {
    const std::vector<std::string> answer = GENERATE(
        std::vector<std::string>{"10.0.0.1"}, std::vector<std::string>{"8.8.8.8", "127.0.0.1"},
        std::vector<std::string>{"127.0.0.1", "8.8.8.8"},
        std::vector<std::string>{"8.8.8.8", "2606:4700::1111", "::1"},
        std::vector<std::string>{"8.8.8.8", "::ffff:169.254.169.254"},
        std::vector<std::string>{"64:ff9b::a00:1", "8.8.8.8"});
    FakeResolver resolver;
    resolver.answers = {answer};
    const auto found = find(resolver, "https://example.com/");
    REQUIRE_FALSE(found.has_value());
    CHECK(found.error().code == Errc::kRefused);
    CHECK(find(resolver, "https://example.com/", kOpen).has_value());
}

TEST_CASE("find address: asked once; each attempt takes the next address") {
    FakeResolver resolver;
    resolver.answers = {{"8.8.8.8", "8.8.4.4"}};
    CHECK(find(resolver, "https://example.com/", kStrict, 0).value().text() == "8.8.8.8");
    CHECK(find(resolver, "https://example.com/", kStrict, 1).value().text() == "8.8.4.4");
    CHECK(find(resolver, "https://example.com/", kStrict, 2).value().text() == "8.8.8.8");
    CHECK(resolver.asked.size() == 3);
    CHECK(find(resolver, "https://1.1.1.1/").value().text() == "1.1.1.1");
    CHECK(resolver.asked.size() == 3);
}

TEST_CASE("resolver: a name of this machine, and one that is none -> its addresses, and an error") {
    core::asio::io_context loop;
    const auto resolver = net::make_system_resolver(loop.get_executor());
    auto found =
        net::testing::run(loop, resolver->resolve("127.0.0.1", core::Millis{10'000}));
    REQUIRE(found.has_value());
    REQUIRE_FALSE(found->empty());
    CHECK(found->front().text() == "127.0.0.1");
    auto none = net::testing::run(loop, resolver->resolve("no..name", core::Millis{10'000}));
    REQUIRE_FALSE(none.has_value());
    CHECK(none.error().code == Errc::kUnreachable);
}
