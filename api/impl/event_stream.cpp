#include "api/impl/event_stream.hpp"

#include <algorithm>

namespace api::impl {

std::string event_text(std::string_view name, std::string_view data) {
    std::string out = "event: ";
    out += name;
    out += '\n';
    for (bool more = true; more;) {
        // A lone carriage return ends a line too.
        const std::size_t end = std::min(data.find_first_of("\r\n"), data.size());
        out += "data: ";
        out += data.substr(0, end);
        out += '\n';
        more = end < data.size();
        const bool both = data.substr(end).starts_with("\r\n");
        data.remove_prefix(std::min(data.size(), end + (both ? 2 : 1)));
    }
    out += '\n';
    return out;
}

std::string heartbeat_text() { return ":\n\n"; }

std::string retry_text(unsigned milliseconds) {
    return "retry: " + std::to_string(milliseconds) + "\n\n";
}

}  // namespace api::impl
