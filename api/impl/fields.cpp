#include "api/impl/fields.hpp"

#include "net/json.hpp"

#include <algorithm>
#include <utility>

namespace api::impl {

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

Checked<nlohmann::json> parse_object(std::string_view body) {
    auto parsed = net::parse_strict(body);
    if (!parsed) {
        return invalid_parameter("body", "The body is not usable JSON: " + parsed.error().message);
    }
    if (!parsed->is_object()) return invalid_parameter("body", "The body must be a JSON object.");
    return std::move(*parsed);
}

Checked<std::optional<std::string>> optional_text(const nlohmann::json& object, const char* key,
                                                  const std::string& param, std::size_t max) {
    const auto at = object.find(key);
    if (at == object.end() || at->is_null()) return std::optional<std::string>{};
    if (!at->is_string()) return invalid_parameter(param, param + " must be a string.");
    const auto& text = at->get_ref<const std::string&>();
    const bool blank = text.find_first_not_of(" \t\r\n") == std::string::npos;
    if (blank) return invalid_parameter(param, param + " must not be empty.");
    if (characters(text) > max) {
        return invalid_parameter(
            param, param + " may have at most " + std::to_string(max) + " characters.");
    }
    return std::optional<std::string>{text};
}

Checked<std::string> required_text(const nlohmann::json& object, const char* key,
                                   const std::string& param, std::size_t max) {
    auto text = optional_text(object, key, param, max);
    if (!text) return text.problem();
    if (!*text) return invalid_parameter(param, param + " is required.");
    return std::move(**text);
}

}  // namespace api::impl
