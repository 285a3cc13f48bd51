#pragma once

#include <optional>
#include <string>

#include "chains/crypto/secret.hpp"
#include "core/expected.hpp"

namespace depositd {

struct SecretFileRules {
    //! $CREDENTIALS_DIRECTORY when systemd gave one.
    std::optional<std::string> credentials_directory;
    //! Some configured chain moves real money: only a systemd credential will do.
    bool credential_required = false;
};

//! Reads a small secret file, without white space around its content. kUnauthorized when others than
//! its owner can read it, or when the rules ask for a credential and it is none; kNotFound, kInvalid.
//! Texts of errors hold the path and never the content.
core::Expected<chains::crypto::SecretBytes> read_secret_file(const std::string& path,
                                                             const SecretFileRules& rules);

}  // namespace depositd
