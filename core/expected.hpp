#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <boost/system/result.hpp>

namespace core {

//! Why something could not be done. The numbers are stored and shown: never renumber, only append.
enum class Errc : std::int32_t {
    kUnset = 0,             //!< default-constructed Expected; reading one is our bug
    kInvalid = 1,           //!< the input is not of its form
    kOverflow = 2,          //!< arithmetic left 0 … 2^256−1
    kAssetMismatch = 3,     //!< two amounts of different assets
    kNotFound = 4,          //!< what was asked for is known not to exist
    kConflict = 5,          //!< somebody changed the row meanwhile, or a unique rule refused
    kTimeout = 6,           //!< the deadline passed; it may have happened all the same
    kUnreachable = 7,       //!< no connection, connection cut
    kRateLimited = 8,       //!< the other side asked us to slow down
    kMalformed = 9,         //!< the other side's answer is not of its form
    kTooLarge = 10,         //!< a limit on size was passed
    kSplit = 11,            //!< ask for a smaller range
    kUnauthorized = 12,     //!< a credential is missing or wrong
    kRefused = 13,          //!< the other side understood and said no
    kNotReady = 14,         //!< the other side does not know yet (behind, indexing); not an absence
    kWrongChain = 15,       //!< an endpoint serves another chain
    kNoQuorum = 16,         //!< too few endpoints agree
    kReorged = 17,          //!< the block asked about is no longer on the best chain
    kStorage = 18,          //!< the disk or the database failed
    kHalted = 19,           //!< stopped on purpose until an operator acknowledges
    kUnsupported = 20,      //!< understood, but not offered here
    kCancelled = 21,        //!< we are shutting down
    kReverted = 22,         //!< the chain's virtual machine refused the call
};

struct Error {
    Errc code = Errc::kUnset;
    std::string message;  //!< for people; holds no secret

    friend bool operator==(const Error&, const Error&) = default;
};

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location&);

//! May the same call succeed later without anybody changing anything?
bool is_transient(Errc code);

//! The code in snake case, for logs and metrics labels: "rate_limited".
std::string_view to_string(Errc code);

//! A value or the reason there is none. Dropping one is a compile error, reading the wrong side
//! aborts. C++20 has no std::expected; this wraps boost::system::result, which alone would let
//! itself be dropped silently.
template <class T>
class [[nodiscard]] Expected : public boost::system::result<T, Error> {
  public:
    using Base = boost::system::result<T, Error>;
    //! For Asio, which default-constructs results; we do not.
    Expected() : Base{boost::system::in_place_error, Error{Errc::kUnset, "unset"}} {}
    Expected(T value) : Base{boost::system::in_place_value, std::move(value)} {}
    Expected(Error error) : Base{boost::system::in_place_error, std::move(error)} {}
};

//! `Expected<Done>` where there is nothing to return: result<void> in a coroutine warns on g++ 12.
struct Done {
    friend bool operator==(const Done&, const Done&) = default;
};

inline Error invalid(std::string message) { return Error{Errc::kInvalid, std::move(message)}; }

}  // namespace core
