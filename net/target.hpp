#pragma once

#include "core/expected.hpp"
#include "core/task.hpp"
#include "net/ip_address.hpp"
#include "net/resolver.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Calls to addresses that somebody else chose. Such a URL may try to make us talk to our own network:
// it is read by one strict parser, every address its name has is looked at, and the connection goes to
// the very address that was looked at (HttpRequest::pinned_ip), not to what the name says a moment later.
namespace net {

struct TargetRules {
    //! For development: http, any port, and addresses of the own network.
    bool allow_private = false;
};

//! A URL taken apart. Whoever calls it uses url(), never the text it came from.
struct TargetUrl {
    std::string scheme;  //!< "https" or "http"
    std::string host;    //!< lower case, without brackets
    std::optional<IpAddress> literal;  //!< when the host is an address
    std::uint16_t port = 443;
    std::string path;  //!< with the query; begins with '/'

    std::string url() const;
    //! "https://host:port": all that is shown of it. Paths and queries of webhooks hold secrets.
    std::string origin() const;
};

//! kInvalid says what is wrong, without quoting the URL.
core::Expected<TargetUrl> parse_target(std::string_view text, TargetRules rules);

//! The address to connect to: of the name's addresses the one whose turn it is, when all of them are
//! allowed. kRefused when one is not; kTimeout, kUnreachable when the name leads nowhere.
core::Task<core::Expected<IpAddress>> find_address(Resolver* resolver, TargetUrl target,
                                                   TargetRules rules, std::size_t turn,
                                                   core::Millis timeout);

}  // namespace net
