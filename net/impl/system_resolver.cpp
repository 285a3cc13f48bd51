#include "net/resolver.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <system_error>
#include <thread>

namespace net {
namespace {

namespace asio = core::asio;
using Addresses = core::Expected<std::vector<IpAddress>>;

//! Threads that still wait for the system's answer, also after who asked has given up. Far below the unit's
//! TasksMax, so that names of webhooks that nobody answers leave room for everything else.
constexpr std::size_t kLookupsMax = 16;

IpAddress address_of(const addrinfo& info) {
    if (info.ai_family == AF_INET6) {
        sockaddr_in6 six{};
        std::memcpy(&six, info.ai_addr, sizeof six);
        IpAddress::V6 bytes{};
        std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
        return IpAddress::from_v6(bytes);
    }
    sockaddr_in four{};
    std::memcpy(&four, info.ai_addr, sizeof four);
    IpAddress::V4 bytes{};
    std::memcpy(bytes.data(), &four.sin_addr, bytes.size());
    return IpAddress::from_v4(bytes);
}

Addresses look_up(const std::string& host) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
    if (failed != 0) {
        return core::Error{core::Errc::kUnreachable, "the name has no address"};
    }
    std::vector<IpAddress> out;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        if (one->ai_family != AF_INET && one->ai_family != AF_INET6) continue;
        const IpAddress address = address_of(*one);
        if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
    }
    ::freeaddrinfo(found);
    if (out.empty()) return core::Error{core::Errc::kUnreachable, "the name has no address"};
    return out;
}

//! Who waits for an answer.
struct Lookup {
    explicit Lookup(const asio::any_io_executor& executor) : gate{executor} {}
    asio::steady_timer gate;
    std::optional<Addresses> answer;
};

//! Shared with the threads, and outlives the resolver as long as one of them runs.
struct Desk {
    explicit Desk(asio::any_io_executor on) : executor{std::move(on)} {}

    std::mutex mutex;  //!< over the next two
    asio::any_io_executor executor;  //!< empty once the resolver is gone
    std::size_t running = 0;

    std::map<std::uint64_t, Lookup*> waiting;  //!< on the loop's thread only
};

//! On the look-up's own thread: it hands the answer over and touches nothing of the loop.
void hand_over(const std::shared_ptr<Desk>& desk, std::uint64_t id, Addresses found) {
    const std::scoped_lock lock{desk->mutex};
    --desk->running;
    if (!desk->executor) return;
    asio::post(desk->executor, [desk, id, found = std::move(found)]() mutable {
        const auto at = desk->waiting.find(id);
        if (at == desk->waiting.end()) return;
        at->second->answer = std::move(found);
        at->second->gate.cancel();
    });
}

class SystemResolver final : public Resolver {
  public:
    explicit SystemResolver(asio::any_io_executor executor)
        : desk_{std::make_shared<Desk>(std::move(executor))} {}
    ~SystemResolver() override {
        const std::scoped_lock lock{desk_->mutex};
        desk_->executor = {};
    }
    SystemResolver(const SystemResolver&) = delete;
    SystemResolver& operator=(const SystemResolver&) = delete;

    core::Task<Addresses> resolve(std::string host, core::Millis timeout) override {
        const Place place{desk_, ++last_id_};
        if (!start(host, place.id)) {
            co_return core::Error{core::Errc::kRateLimited, "too many names are being looked up"};
        }
        auto& lookup = *place.lookup;
        lookup.gate.expires_after(timeout);
        const auto [failed] = co_await lookup.gate.async_wait(asio::as_tuple(asio::use_awaitable));
        if (lookup.answer) co_return std::move(*lookup.answer);
        if (failed) throw boost::system::system_error{failed};
        co_return core::Error{core::Errc::kTimeout, "nobody says what address the name has"};
    }

  private:
    struct Place {
        Place(std::shared_ptr<Desk> at, std::uint64_t number)
            : desk{std::move(at)}, id{number}, lookup{std::make_unique<Lookup>(desk->executor)} {
            desk->waiting[id] = lookup.get();
        }
        ~Place() { desk->waiting.erase(id); }
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

        std::shared_ptr<Desk> desk;
        std::uint64_t id;
        std::unique_ptr<Lookup> lookup;
    };

    bool start(const std::string& host, std::uint64_t id) {
        {
            const std::scoped_lock lock{desk_->mutex};
            if (desk_->running >= kLookupsMax) return false;
            ++desk_->running;
        }
        try {
            std::thread{[desk = desk_, id, host] { hand_over(desk, id, look_up(host)); }}.detach();
        } catch (const std::system_error&) {
            const std::scoped_lock lock{desk_->mutex};
            --desk_->running;
            return false;
        }
        return true;
    }

    std::shared_ptr<Desk> desk_;
    std::uint64_t last_id_ = 0;
};

}  // namespace

std::unique_ptr<Resolver> make_system_resolver(core::asio::any_io_executor executor) {
    return std::make_unique<SystemResolver>(std::move(executor));
}

}  // namespace net
