#include "api/impl/payment_uri.hpp"

#include "api/impl/html.hpp"

#include <qrencode.h>

#include <memory>

namespace api::impl {
namespace {

//! Scanners want this much of nothing around the code.
constexpr int kQuietZone = 4;

struct FreeQr {
    void operator()(QRcode* code) const { QRcode_free(code); }
};

//! One rectangle for each run of dark modules in a row.
std::string dark_runs(const QRcode& code) {
    const auto is_dark = [&code](int x, int y) {
        return x < code.width && (code.data[y * code.width + x] & 1U) != 0;
    };
    std::string out;
    for (int y = 0; y < code.width; ++y) {
        for (int x = 0; x < code.width; ++x) {
            if (!is_dark(x, y)) continue;
            int length = 1;
            while (is_dark(x + length, y)) ++length;
            const std::string run = std::to_string(length);
            out += "M" + std::to_string(x + kQuietZone) + " " + std::to_string(y + kQuietZone) +
                   "h" + run + "v1h-" + run + "z";
            x += length;
        }
    }
    return out;
}

}  // namespace

std::string payment_uri(const PaymentRequest& request) {
    const std::string chain = "@" + std::to_string(request.chain);
    if (request.token.empty()) {
        const std::string value = request.units ? "?value=" + request.units->decimal() : "";
        return "ethereum:" + request.to + chain + value;
    }
    const std::string units = request.units ? "&uint256=" + request.units->decimal() : "";
    return "ethereum:" + request.token + chain + "/transfer?address=" + request.to + units;
}

std::string qr_svg(const std::string& text, std::string_view label) {
    const std::unique_ptr<QRcode, FreeQr> code{
        QRcode_encodeString8bit(text.c_str(), 0, QR_ECLEVEL_M)};
    if (!code) return {};
    const std::string size = std::to_string(code->width + 2 * kQuietZone);
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + " " + size +
           "\" role=\"img\" aria-label=\"" + Html::text(label).str() +
           "\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h" + size + "v" + size +
           "H0z\"/><path fill=\"#000\" d=\"" + dark_runs(*code) + "\"/></svg>";
}

}  // namespace api::impl
