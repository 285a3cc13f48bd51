#pragma once

#include "api/errors.hpp"

#include <map>
#include <string>
#include <string_view>

// What a payer's page may send beside payment method and check, checked for its form. Pure.
namespace api {

using Query = std::map<std::string, std::string>;

//! `clientSecret` of a query.
Checked<std::string> parse_query_secret(const Query& query);

//! A wallet that is connected to the page. At least one of its addresses was given.
struct WalletQuery {
    std::string client_secret;
    std::string evm_address;     //!< unchecked text; empty: none
    std::string solana_address;  //!< unchecked text; empty: none
};
Checked<WalletQuery> parse_wallet_query(const Query& query);

//! What the payer did in the menu: checked for its form, and kept by nobody. Gives the client
//! secret.
Checked<std::string> parse_nav_event(std::string_view body);

//! A body that holds nothing but `clientSecret`, as far as we care.
Checked<std::string> parse_body_secret(std::string_view body);

}  // namespace api
