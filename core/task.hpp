#pragma once

// The one door through which coroutines come in: g++ 12 wants <coroutine> seen before Asio.
#include <coroutine>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace core {

namespace asio = boost::asio;

template <class T>
using Task = asio::awaitable<T>;

}  // namespace core
