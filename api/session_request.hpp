#pragma once

#include "api/errors.hpp"
#include "api/ports.hpp"
#include "core/units.hpp"
#include "session/types.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What callers may send to the sessions API, checked. Pure: nothing is looked up but configuration.
// Unknown keys are ignored, as by the service this API is compatible with.
namespace api {

//! An order to open a session.
struct CreateSession {
    session::Destination destination;
    std::optional<core::Address> refund_address;
    std::string display_json;   //!< the known keys only
    std::string metadata_json;  //!< object or "null"
    std::string hash;  //!< SHA-256 of the body's meaning: key order and spaces do not count
};

//! Checks everything that needs no database: form, amounts, checksums, configured chain and token,
//! addresses that must never be paid. The first problem found is told, with the field's name.
Checked<CreateSession> parse_create_session(std::string_view body, const Chains& chains,
                                            const OwnAddresses& own);

struct SetMethod {
    std::string client_secret;
    std::string type;
};
Checked<SetMethod> parse_set_method(std::string_view body);

struct CheckSession {
    std::string client_secret;
    std::string tx_hash;  //!< untrusted text of at most 4096 bytes; empty: none
};
Checked<CheckSession> parse_check(std::string_view body);

//! The Idempotency-Key header: empty when absent, else 1 to 255 printable ASCII characters.
Checked<std::string> parse_idempotency_key(std::string_view header);

struct ListSessions {
    std::size_t limit = 50;  //!< 1 … 100
    std::optional<core::SessionId> after;
    std::string status;  //!< of the sessions API; empty: all
};
Checked<ListSessions> parse_list(const std::map<std::string, std::string>& query);

}  // namespace api
