// URLs that merchants choose for their webhooks: what is accepted means the same to libcurl.

#include "net/target.hpp"
#include "tests/fuzz/target.hpp"

#include <curl/curl.h>

#include <memory>
#include <string>

namespace fuzz_webhook_url {

using Handle = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

//! What libcurl finds in the URL; empty when there is no such part.
std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
    char* text = nullptr;
    if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
    std::string out{text};
    curl_free(text);
    return out;
}

void same_to_curl(const net::TargetUrl& target) {
    const Handle url{curl_url(), &curl_url_cleanup};
    MUST(curl_url_set(url.get(), CURLUPART_URL, target.url().c_str(), 0) == CURLUE_OK);
    const bool is_v6 = target.literal && target.literal->is_v6();
    MUST(part(url.get(), CURLUPART_SCHEME) == target.scheme);
    MUST(part(url.get(), CURLUPART_HOST) == (is_v6 ? "[" + target.host + "]" : target.host));
    MUST(part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT) == std::to_string(target.port));
    MUST(part(url.get(), CURLUPART_USER).empty() && part(url.get(), CURLUPART_PASSWORD).empty());
    MUST(part(url.get(), CURLUPART_FRAGMENT).empty() && part(url.get(), CURLUPART_ZONEID).empty());
}

void check(std::string_view input, net::TargetRules rules) {
    const auto target = net::parse_target(input, rules);
    if (!target) {
        MUST(target.error().code == core::Errc::kInvalid && !target.error().message.empty());
        return;
    }
    MUST(target->scheme == "https" || (rules.allow_private && target->scheme == "http"));
    MUST(target->port != 0 && target->path.starts_with('/'));
    const auto address = net::IpAddress::from_text(target->host);
    MUST(address.has_value() == target->literal.has_value());
    if (target->literal && !rules.allow_private) MUST(net::is_public(*target->literal));
    const auto again = net::parse_target(target->url(), rules);
    MUST(again && again->url() == target->url() && again->host == target->host &&
         again->port == target->port);
    same_to_curl(*target);
}

}  // namespace fuzz_webhook_url

FUZZ_TARGET(webhook_url) {
    fuzz_webhook_url::check(input, {});
    fuzz_webhook_url::check(input, {true});
}
