#include "daemon/impl/config_values.hpp"

#include <algorithm>
#include <charconv>

#include <boost/asio/ip/address.hpp>
#include <toml++/toml.h>

#include "core/check.hpp"
#include "core/units.hpp"
#include "daemon/impl/suggest.hpp"

namespace depositd {

namespace {

SourcePlace place_of_node(const toml::source_region& region) {
    return {static_cast<std::uint32_t>(region.begin.line),
            static_cast<std::uint32_t>(region.begin.column)};
}

bool is_name_char(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

//! systemd.exec(5), "Credentials": nobody but a service has the variable.
std::string hint_for(const std::string& variable) {
    if (variable != "CREDENTIALS_DIRECTORY") return {};
    return "; systemd sets it for the daemon, for a command set it yourself: "
           "CREDENTIALS_DIRECTORY=/etc/depositd/credentials depositd ...";
}

class Reader {
  public:
    Reader(const ConfigSources& sources, std::vector<ConfigProblem>& problems)
        : sources_{sources}, problems_{problems} {}

    ConfigTable read(const toml::table& table, std::string_view section) {
        ConfigTable out{section, place_of_node(table.source())};
        for (const auto& [key, node] : table) {
            const std::string name{key.str()};
            const std::string path = std::string{section} + "." + name;
            if (const SectionSpec* inner = find_section(path)) {
                read_children(node, *inner, out.children);
            } else if (const KeySpec* spec = find_key(section, name)) {
                out.mention(spec->key);
                read_value(*spec, node, out);
            } else {
                report(place_of_node(key.source()), unknown(name, section));
            }
        }
        for (const KeySpec& spec : config_keys()) {
            if (spec.section != section || table.contains(spec.key)) continue;
            if (spec.required) {
                report(out.place(), "[" + std::string{section} + "] lacks the key " +
                                        std::string{spec.key} + ": " + std::string{spec.help});
            } else if (!spec.fallback.empty()) {
                set_default(spec, out);
            }
        }
        return out;
    }

    void read_children(const toml::node& node, const SectionSpec& spec,
                       std::vector<ConfigTable>& out) {
        const auto* array = node.as_array();
        if (array == nullptr || !std::all_of(array->begin(), array->end(),
                                             [](const toml::node& n) { return n.is_table(); })) {
            report(place_of_node(node.source()),
                   "write [[" + std::string{spec.path} + "]], with double brackets, once for each");
            return;
        }
        for (const toml::node& element : *array) out.push_back(read(*element.as_table(), spec.path));
    }

    void report(SourcePlace place, std::string message) {
        problems_.push_back({place.line, place.column, std::move(message)});
    }

    static std::string unknown(const std::string& name, std::string_view section) {
        std::vector<std::string> candidates;
        const std::string prefix = section.empty() ? "" : std::string{section} + ".";
        for (const KeySpec& spec : config_keys()) {
            if (spec.section == section) candidates.emplace_back(spec.key);
        }
        for (const SectionSpec& spec : config_sections()) {
            if (!spec.path.starts_with(prefix)) continue;
            const std::string_view rest = spec.path.substr(prefix.size());
            if (rest.find('.') == std::string_view::npos) candidates.emplace_back(rest);
        }
        std::string out = section.empty() ? "unknown section [" + name + "]"
                                          : "unknown key " + name + " in [" + std::string{section} + "]";
        if (const std::string meant = closest(name, candidates); !meant.empty()) {
            return out + "; did you mean " + meant + "?";
        }
        // A known key in the wrong section is the next likely mistake.
        for (const KeySpec& spec : config_keys()) {
            if (spec.key == name) return out + "; it belongs to [" + std::string{spec.section} + "]";
        }
        return out;
    }

  private:
    void set_default(const KeySpec& spec, ConfigTable& out) {
        const std::string text = "x = " + std::string{spec.fallback};
        const toml::table parsed = toml::parse(text);
        const toml::node* node = parsed.get("x");
        CHECK(node != nullptr, spec.key);
        read_value(spec, *node, out);
    }

    void read_value(const KeySpec& spec, const toml::node& node, ConfigTable& out) {
        const SourcePlace place = place_of_node(node.source());
        const std::string name = std::string{spec.section} + "." + std::string{spec.key};
        const auto wrong = [&](std::string_view expected) {
            report(place, name + " must be " + std::string{expected});
        };
        switch (spec.type) {
            case KeyType::kBool:
                if (!node.is_boolean()) return wrong("true or false, without quotes");
                out.set(spec.key, {*node.value<bool>(), place});
                return;
            case KeyType::kInteger: {
                if (!node.is_integer()) return wrong("a whole number, without quotes");
                const auto number = *node.value<std::int64_t>();
                if (number < spec.min || number > spec.max) {
                    const bool bounded = spec.max != std::numeric_limits<std::int64_t>::max();
                    return wrong(bounded ? "between " + std::to_string(spec.min) + " and " +
                                               std::to_string(spec.max)
                                         : "at least " + std::to_string(spec.min));
                }
                out.set(spec.key, {number, place});
                return;
            }
            case KeyType::kChain:
                if (node.is_integer() && *node.value<std::int64_t>() > 0) {
                    out.set(spec.key, {"eip155:" + std::to_string(*node.value<std::int64_t>()), place});
                    return;
                }
                [[fallthrough]];
            default: break;
        }
        if (!node.is_string()) return wrong("text in quotes");
        read_text(spec, *node.value<std::string>(), place, name, out);
    }

    void read_text(const KeySpec& spec, std::string text, SourcePlace place, const std::string& name,
                   ConfigTable& out) {
        const auto wrong = [&](std::string_view expected) {
            report(place, name + " must be " + std::string{expected});
        };
        if (text.empty()) return wrong("something: leave the key out instead of setting it empty");
        if (spec.type == KeyType::kPath || spec.type == KeyType::kUrl) {
            if (!expand(text, place, name)) return;
        }
        if (spec.type == KeyType::kListen && !parse_listen(text)) {
            return wrong("an IP address and a port, like \"127.0.0.1:8080\" or \"[::1]:8080\"");
        }
        if (spec.type == KeyType::kChain && !core::ChainId::from_text(text)) {
            return wrong("a CAIP-2 id like \"eip155:8453\", or the chain's number");
        }
        if (spec.type == KeyType::kDecimal && !core::Units::from_token_decimal(text, 36)) {
            return wrong("a plain decimal in quotes, like \"0.50\"");
        }
        if (spec.type == KeyType::kUrl && !read_url(text, place, name)) return;
        if (spec.type == KeyType::kChoice) {
            const auto choices = split(spec.choices);
            if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
                return wrong("one of " + join(choices));
            }
        }
        out.set(spec.key, {std::move(text), place});
    }

    bool read_url(std::string& text, SourcePlace place, const std::string& name) {
        if (text.starts_with("file:")) {
            const std::string path = text.substr(5);
            auto content = sources_.file(path);
            if (!content) {
                report(place, name + ": cannot read " + path);
                return false;
            }
            while (!content->empty() && (content->back() == '\n' || content->back() == ' ')) {
                content->pop_back();
            }
            text = std::move(*content);
        }
        if (text.starts_with("http://") || text.starts_with("https://")) return true;
        report(place, name + " must start with http:// or https://");
        return false;
    }

    //! $NAME and ${NAME}; a variable that is not set is an error, not an empty text.
    bool expand(std::string& text, SourcePlace place, const std::string& name) {
        std::string out;
        for (std::size_t i = 0; i < text.size();) {
            if (text[i] != '$') {
                out += text[i++];
                continue;
            }
            const bool braces = i + 1 < text.size() && text[i + 1] == '{';
            std::size_t end = i + (braces ? 2 : 1);
            const std::size_t start = end;
            while (end < text.size() && is_name_char(text[end])) ++end;
            const std::string variable = text.substr(start, end - start);
            const bool closed = !braces || (end < text.size() && text[end] == '}');
            if (variable.empty() || !closed) {
                report(place, name + ": a $ must be followed by the name of an environment variable");
                return false;
            }
            auto value = sources_.env(variable);
            if (!value) {
                report(place, name + ": the environment variable " + variable + " is not set" + hint_for(variable));
                return false;
            }
            out += *value;
            i = end + (braces ? 1 : 0);
        }
        text = std::move(out);
        return true;
    }

    static std::vector<std::string> split(std::string_view choices) {
        std::vector<std::string> out;
        while (!choices.empty()) {
            const auto bar = std::min(choices.find('|'), choices.size());
            out.emplace_back(choices.substr(0, bar));
            choices.remove_prefix(std::min(bar + 1, choices.size()));
        }
        return out;
    }

    static std::string join(const std::vector<std::string>& words) {
        std::string out;
        for (const std::string& word : words) out += (out.empty() ? "\"" : ", \"") + word + "\"";
        return out;
    }

    const ConfigSources& sources_;
    std::vector<ConfigProblem>& problems_;
};

}  // namespace

const ConfigTable::Value* ConfigTable::find(std::string_view key) const {
    CHECK(find_key(section_, key) != nullptr, key);
    const auto found = values_.find(key);
    return found == values_.end() ? nullptr : &found->second;
}

SourcePlace ConfigTable::place_of(std::string_view key) const {
    const Value* value = find(key);
    return value != nullptr && value->place.line != 0 ? value->place : place_;
}

std::vector<ConfigTable> read_tables(std::string_view text, const ConfigSources& sources,
                                     std::vector<ConfigProblem>& problems) {
    std::vector<ConfigTable> out;
    toml::table root;
    try {
        root = toml::parse(text);
    } catch (const toml::parse_error& error) {
        const SourcePlace place = place_of_node(error.source());
        problems.push_back({place.line, place.column, std::string{error.description()}});
        return out;
    }
    Reader reader{sources, problems};
    for (const auto& [key, node] : root) {
        const SectionSpec* spec = find_section(key.str());
        if (spec == nullptr) {
            reader.report(place_of_node(key.source()), Reader::unknown(std::string{key.str()}, ""));
        } else if (spec->repeated) {
            reader.read_children(node, *spec, out);
        } else if (!node.is_table()) {
            reader.report(place_of_node(node.source()),
                          "write [" + std::string{spec->path} + "] as a section of its own");
        } else {
            out.push_back(reader.read(*node.as_table(), spec->path));
        }
    }
    for (const SectionSpec& spec : config_sections()) {
        if (!spec.repeated && !root.contains(spec.path)) out.push_back(reader.read({}, spec.path));
    }
    return out;
}

std::optional<ListenAddress> parse_listen(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    ListenAddress out;
    const auto [end, error] =
        std::from_chars(port_text.data(), port_text.data() + port_text.size(), out.port);
    if (error != std::errc{} || end != port_text.data() + port_text.size()) return std::nullopt;
    boost::system::error_code bad;
    boost::asio::ip::make_address(std::string{host}, bad);
    if (bad) return std::nullopt;
    out.host = host;
    return out;
}

}  // namespace depositd
