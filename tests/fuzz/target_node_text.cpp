// What nodes write for people, and what is concluded from it. First byte: HTTP status, second: code;
// then the message, and behind a zero byte the data.

#include "chains/evm/abi.hpp"
#include "chains/evm/impl/revert_text.hpp"
#include "chains/evm/impl/send_text.hpp"
#include "net/rpc_error.hpp"
#include "tests/fuzz/json_text.hpp"
#include "tests/fuzz/target.hpp"

#include <array>
#include <cctype>

namespace fuzz_node_text {

constexpr std::array kStatuses{200, 400, 401, 403, 404, 408, 413, 429, 500, 503, 504, 524, 0, -1};
constexpr std::array<std::int64_t, 10> kCodes{0,      3,      429,    -32000, -32005,
                                              -32015, -32600, -32601, -32602, -32603};

std::string upper(std::string_view text) {
    std::string out{text};
    for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return out;
}

bool is_plain(std::string_view text) {
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return false;
    }
    return true;
}

void verdicts(int status, std::int64_t code, std::string_view message) {
    const auto verdict = net::classify_rpc_error(status, code, message);
    // Nothing a node says in words is an absence, an answer or our own fault.
    MUST(verdict.code != core::Errc::kUnset && verdict.code != core::Errc::kNotFound &&
         verdict.code != core::Errc::kInvalid && verdict.code != core::Errc::kHalted);
    if (verdict.suggested) {
        MUST(verdict.code == core::Errc::kSplit);
        MUST(verdict.suggested->first <= verdict.suggested->last);
    }
    MUST(net::classify_rpc_error(status, code, upper(message)).code == verdict.code);
    const auto by_status = net::classify_http_status(status, message);
    MUST(by_status != core::Errc::kUnset && by_status != core::Errc::kNotFound);
    using chains::evm::impl::classify_send_text;
    MUST(classify_send_text(upper(message)) == classify_send_text(message));
}

void reverts(std::string_view message, const std::string& data) {
    const auto text = chains::evm::impl::revert_text({3, std::string{message}, data});
    MUST(text.size() <= 200 && is_plain(text));
    MUST(!text.empty() || message.empty());
    if (fuzz::is_utf8(message)) MUST(fuzz::is_utf8(text));
}

}  // namespace fuzz_node_text

FUZZ_TARGET(node_text) {
    using namespace fuzz_node_text;
    if (input.size() < 2) return;
    const int status = kStatuses[static_cast<unsigned char>(input[0]) % kStatuses.size()];
    const auto code = kCodes[static_cast<unsigned char>(input[1]) % kCodes.size()];
    const std::string_view rest = input.substr(2);
    const std::string_view message = rest.substr(0, rest.find('\0'));
    const std::string_view data =
        message.size() < rest.size() ? rest.substr(message.size() + 1) : std::string_view{};
    verdicts(status, code, message);
    reverts(message, std::string{data});
    reverts(message, core::to_hex0x(core::bytes_of(data)));
}
