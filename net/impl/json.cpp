#include "net/json.hpp"

#include <limits>
#include <string>
#include <unordered_set>
#include <vector>

namespace net {

namespace {

using nlohmann::json;

//! Builds the document itself: nlohmann's own builder cannot see a repeated key.
class StrictBuilder {
  public:
    explicit StrictBuilder(std::size_t max_depth) : max_depth_{max_depth} {}

    bool null() { return put(nullptr); }
    bool boolean(bool value) { return put(value); }
    bool number_integer(json::number_integer_t value) { return put(value); }
    bool number_unsigned(json::number_unsigned_t value) { return put(value); }
    bool number_float(json::number_float_t value, const std::string& text) {
        if (text.find_first_of(".eE") == std::string::npos) {
            return fail("an integer outside 64 bits");
        }
        return put(value);
    }
    bool string(std::string& value) { return put(std::move(value)); }
    bool binary(json::binary_t&) { return fail("binary"); }
    bool start_object(std::size_t) { return open(json::object()); }
    bool start_array(std::size_t) { return open(json::array()); }
    bool end_object() { return close(); }
    bool end_array() { return close(); }
    bool key(std::string& name) {
        auto& level = levels_.back();
        level.key = name;
        if (level.node->contains(name)) return fail("the key is repeated");
        return true;
    }
    bool parse_error(std::size_t position, const std::string&, const json::exception&) {
        return fail("not JSON at byte " + std::to_string(position));
    }

    json root;
    core::Error error;

  private:
    struct Level {
        json* node;
        std::string key;
    };

    json* add(json value) {
        if (levels_.empty()) {
            root = std::move(value);
            return &root;
        }
        auto& level = levels_.back();
        if (level.node->is_array()) {
            level.node->push_back(std::move(value));
            return &level.node->back();
        }
        return &((*level.node)[level.key] = std::move(value));
    }
    bool put(json value) {
        add(std::move(value));
        return true;
    }
    bool open(json value) {
        if (levels_.size() >= max_depth_) return fail("nested too deeply");
        levels_.push_back(Level{add(std::move(value)), {}});
        return true;
    }
    bool close() {
        levels_.pop_back();
        return true;
    }
    bool fail(const std::string& what) {
        error = core::invalid("at " + place() + ": " + what);
        return false;
    }
    std::string place() const {
        std::string out;
        for (const auto& level : levels_) {
            const auto step =
                level.node->is_array() ? std::to_string(level.node->size()) : level.key;
            out += '/' + step.substr(0, 64);
        }
        return out.empty() ? "/" : out;
    }

    std::size_t max_depth_;
    std::vector<Level> levels_;
};

}  // namespace

core::Expected<json> parse_strict(std::string_view text, JsonLimits limits) {
    if (text.size() > limits.max_bytes) {
        return core::Error{core::Errc::kTooLarge,
                           "more than " + std::to_string(limits.max_bytes) + " bytes of JSON"};
    }
    // nlohmann takes a zero byte for the end and would not look at what follows.
    if (const auto zero = text.find('\0'); zero != std::string_view::npos) {
        return core::invalid("not JSON at byte " + std::to_string(zero) + ": a zero byte");
    }
    StrictBuilder builder{limits.max_depth};
    if (!json::sax_parse(text.begin(), text.end(), &builder)) {
        if (builder.error.code == core::Errc::kUnset) return core::invalid("not JSON");
        return std::move(builder.error);
    }
    return std::move(builder.root);
}

}  // namespace net
