#include "chains/evm/impl/revert_text.hpp"

#include "chains/evm/abi.hpp"

#include <algorithm>
#include <array>

namespace chains::evm::impl {
namespace {

constexpr std::size_t kTextMax = 200;

std::string cleaned(std::string text) {
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
    }
    if (text.size() > kTextMax) {
        std::size_t cut = kTextMax;
        // Not in the middle of a UTF-8 sequence, which is four bytes at most.
        while (cut > kTextMax - 3 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
        text.resize(cut);
    }
    return text;
}

//! https://docs.soliditylang.org/en/latest/control-structures.html#panic-via-assert-and-error-via-require
std::string panic_text(std::uint64_t code) {
    switch (code) {
        case 0x01: return "panic: assertion failed";
        case 0x11: return "panic: arithmetic overflow";
        case 0x12: return "panic: division by zero";
        case 0x21: return "panic: not a value of the enum";
        case 0x22: return "panic: storage is encoded wrongly";
        case 0x31: return "panic: pop of an empty array";
        case 0x32: return "panic: index out of bounds";
        case 0x41: return "panic: too much memory";
        case 0x51: return "panic: call of an unset function";
        default: return "panic " + std::to_string(code);
    }
}

bool starts_with(core::ByteView data, const Selector& selector) {
    return data.size() >= selector.size() &&
           std::equal(selector.begin(), selector.end(), data.begin());
}

}  // namespace

std::string revert_text(const net::RpcError& error) {
    const auto data = core::from_hex(error.data);
    if (!error.data.starts_with("0x") || !data || data->size() < 4) return cleaned(error.message);
    const core::ByteView view{*data};
    if (auto reason = revert_reason(view)) {
        return cleaned(reason->empty() ? error.message : std::move(*reason));
    }
    if (starts_with(view, selector("Panic(uint256)"))) {
        if (const auto code = AbiReader{view.subspan(4)}.u64(0)) return panic_text(*code);
    }
    return cleaned("custom error " + core::to_hex0x(view.first(4)) + ": " + error.message);
}

}  // namespace chains::evm::impl
