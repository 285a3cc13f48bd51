#include "core/expected.hpp"

#include "core/check.hpp"

namespace core {

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
    check_failed("value() of an error", where.file_name(), static_cast<int>(where.line()),
                 error.message);
}

bool is_transient(Errc code) {
    switch (code) {
        case Errc::kTimeout:
        case Errc::kUnreachable:
        case Errc::kRateLimited:
        case Errc::kMalformed:
        case Errc::kNotReady:
        case Errc::kNoQuorum:
        case Errc::kReorged:
        case Errc::kStorage:
        case Errc::kConflict:
            return true;
        case Errc::kUnset:
        case Errc::kInvalid:
        case Errc::kOverflow:
        case Errc::kAssetMismatch:
        case Errc::kNotFound:
        case Errc::kTooLarge:
        case Errc::kSplit:
        case Errc::kUnauthorized:
        case Errc::kRefused:
        case Errc::kWrongChain:
        case Errc::kHalted:
        case Errc::kUnsupported:
        case Errc::kCancelled:
        case Errc::kReverted:
            return false;
    }
    check_failed("Errc is known", __FILE__, __LINE__);
}

std::string_view to_string(Errc code) {
    switch (code) {
        case Errc::kUnset: return "unset";
        case Errc::kInvalid: return "invalid";
        case Errc::kOverflow: return "overflow";
        case Errc::kAssetMismatch: return "asset_mismatch";
        case Errc::kNotFound: return "not_found";
        case Errc::kConflict: return "conflict";
        case Errc::kTimeout: return "timeout";
        case Errc::kUnreachable: return "unreachable";
        case Errc::kRateLimited: return "rate_limited";
        case Errc::kMalformed: return "malformed";
        case Errc::kTooLarge: return "too_large";
        case Errc::kSplit: return "split";
        case Errc::kUnauthorized: return "unauthorized";
        case Errc::kRefused: return "refused";
        case Errc::kNotReady: return "not_ready";
        case Errc::kWrongChain: return "wrong_chain";
        case Errc::kNoQuorum: return "no_quorum";
        case Errc::kReorged: return "reorged";
        case Errc::kStorage: return "storage";
        case Errc::kHalted: return "halted";
        case Errc::kUnsupported: return "unsupported";
        case Errc::kCancelled: return "cancelled";
        case Errc::kReverted: return "reverted";
    }
    check_failed("Errc is known", __FILE__, __LINE__);
}

}  // namespace core
