#include "api/impl/html.hpp"

#include "core/check.hpp"

namespace api::impl {

Html Html::text(std::string_view anything) {
    Html out;
    for (const char c : anything) {
        switch (c) {
            case '&': out.text_ += "&amp;"; break;
            case '<': out.text_ += "&lt;"; break;
            case '>': out.text_ += "&gt;"; break;
            case '"': out.text_ += "&quot;"; break;
            case '\'': out.text_ += "&#39;"; break;
            default: out.text_ += c;
        }
    }
    return out;
}

std::string fill_page(std::string_view page, const std::map<std::string_view, Html>& values) {
    std::string out;
    for (;;) {
        const std::size_t open = page.find("{{");
        out += page.substr(0, open);
        if (open == std::string_view::npos) return out;
        page.remove_prefix(open + 2);
        const std::size_t close = page.find("}}");
        CHECK(close != std::string_view::npos, "every {{ of a page has its }}");
        const auto value = values.find(page.substr(0, close));
        CHECK(value != values.end(), page.substr(0, close));
        // What is put in is not looked through again: a value may hold braces.
        out += value->second.str();
        page.remove_prefix(close + 2);
    }
}

}  // namespace api::impl
