#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace depositd {

enum class KeyType {
    kText,
    kInteger,
    kBool,
    kListen,   //!< "ip:port"
    kPath,     //!< text in which $NAME and ${NAME} stand for environment variables
    kUrl,      //!< http or https; expanded like kPath
    kDecimal,  //!< an amount as text: "0.50"
    kChain,    //!< CAIP-2 text, or an EVM chain number
    kChoice,
};

//! One key of the file, declared once: parser, manual and example all follow from this.
struct KeySpec {
    std::string_view section;  //!< "server", "chain", "chain.endpoint"
    std::string_view key;
    KeyType type = KeyType::kText;
    bool required = false;
    std::string_view fallback;  //!< TOML value; empty: absent unless set
    std::string_view example;   //!< TOML value for the example file; empty: the fallback
    std::string_view help;
    std::int64_t min = 0;
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    std::string_view choices = {};  //!< "a|b|c" for kChoice
};

struct SectionSpec {
    std::string_view path;
    bool repeated = false;  //!< [[path]]
    std::string_view help;
    bool in_example = true;  //!< false: shown commented out
};

std::span<const SectionSpec> config_sections();
std::span<const KeySpec> config_keys();
const SectionSpec* find_section(std::string_view path);
const KeySpec* find_key(std::string_view section, std::string_view key);
std::string_view type_name(const KeySpec& spec);

}  // namespace depositd
