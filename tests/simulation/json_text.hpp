#pragma once

#include "core/bytes.hpp"
#include "core/units.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulation {

using U256 = core::Units::Raw;

// Answers are built by appending text: tens of thousands of them make up a simulated day.

void append_hex(std::string& out, core::ByteView bytes);  //!< digits only
void append_quantity(std::string& out, std::uint64_t number);
void append_quantity(std::string& out, const U256& number);
void append_word(std::string& out, const U256& number);  //!< 64 digits only

//! A piece of a JSON text that somebody else keeps. Reads what the daemon writes: strings hold no
//! escapes. Whatever is not of its form is none, never an error of its own.
class Json {
  public:
    Json() = default;
    explicit Json(std::string_view raw);

    bool exists() const { return !raw_.empty(); }
    bool is_string() const { return raw_.size() >= 2 && raw_.front() == '"'; }
    bool is_array() const { return raw_.starts_with('['); }
    bool is_object() const { return raw_.starts_with('{'); }
    bool is_true() const { return raw_ == "true"; }
    std::string_view raw() const { return raw_; }
    //! Without its quotes; empty for anything but a string.
    std::string_view text() const;
    //! "0x1a"
    std::optional<std::uint64_t> quantity() const;
    std::vector<Json> items() const;
    Json item(std::size_t index) const;
    Json field(std::string_view key) const;

  private:
    std::string_view raw_;
};

}  // namespace simulation
