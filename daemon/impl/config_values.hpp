#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "daemon/config.hpp"
#include "daemon/impl/config_table.hpp"

namespace depositd {

struct SourcePlace {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

//! One table of the file, checked against its declared keys, with defaults filled in. Asking for a key
//! that is not declared is our bug and aborts.
class ConfigTable {
  public:
    struct Value {
        std::variant<std::string, std::int64_t, bool> data;
        SourcePlace place;
    };

    ConfigTable(std::string_view section, SourcePlace place) : section_{section}, place_{place} {}

    void set(std::string_view key, Value value) { values_.insert_or_assign(key, std::move(value)); }
    bool has(std::string_view key) const { return find(key) != nullptr; }
    //! The key stands in the file, whether its value is usable or not.
    bool mentions(std::string_view key) const { return mentioned_.contains(key); }
    void mention(std::string_view key) { mentioned_.insert(key); }
    SourcePlace place() const { return place_; }
    SourcePlace place_of(std::string_view key) const;

    std::string text(std::string_view key) const { return maybe_text(key).value_or(""); }
    std::int64_t integer(std::string_view key) const { return maybe_integer(key).value_or(0); }
    bool flag(std::string_view key) const { return maybe_flag(key).value_or(false); }
    std::optional<std::string> maybe_text(std::string_view key) const { return get<std::string>(key); }
    std::optional<std::int64_t> maybe_integer(std::string_view key) const {
        return get<std::int64_t>(key);
    }
    std::optional<bool> maybe_flag(std::string_view key) const { return get<bool>(key); }

    std::vector<ConfigTable> children;

    std::string_view section() const { return section_; }

  private:
    const Value* find(std::string_view key) const;

    template <class T>
    std::optional<T> get(std::string_view key) const {
        const Value* value = find(key);
        if (value == nullptr) return std::nullopt;
        const T* held = std::get_if<T>(&value->data);
        if (held == nullptr) return std::nullopt;
        return *held;
    }

    std::string_view section_;
    SourcePlace place_;
    std::map<std::string_view, Value> values_;
    std::set<std::string_view> mentioned_;
};

//! All tables of the file; single sections are always there. Problems are appended.
std::vector<ConfigTable> read_tables(std::string_view toml, const ConfigSources& sources,
                                     std::vector<ConfigProblem>& problems);

std::optional<ListenAddress> parse_listen(std::string_view text);

}  // namespace depositd
