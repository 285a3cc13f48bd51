#pragma once

#include "core/expected.hpp"
#include "core/task.hpp"
#include "core/time.hpp"
#include "net/ip_address.hpp"

#include <memory>
#include <string>
#include <vector>

namespace net {

//! What addresses a name has. All of them, in the order in which they are to be tried; never none.
//! kUnreachable when there is none or nobody to ask, kTimeout, kRateLimited when too many names are being
//! asked for. Cancelled through Asio: throws operation_aborted.
struct Resolver {
    virtual ~Resolver() = default;
    virtual core::Task<core::Expected<std::vector<IpAddress>>> resolve(std::string host,
                                                                       core::Millis timeout) = 0;
};

//! Asks the system, each name on a thread of its own: one that nobody answers for delays no other. The
//! executor must run on one thread; resolve() is called on it, and so is the destructor, which does not
//! wait for answers.
std::unique_ptr<Resolver> make_system_resolver(core::asio::any_io_executor executor);

}  // namespace net
