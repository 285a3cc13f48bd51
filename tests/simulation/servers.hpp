#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.hpp"
#include "net/http_client.hpp"
#include "net/resolver.hpp"
#include "tests/simulation/life.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

//! How it is to call one of the merchants' servers now.
struct Way {
    bool is_unknown = false;     //!< nobody knows the name
    bool is_refused = false;     //!< the connection is refused at once
    bool is_cut = false;         //!< nothing goes through, nothing is said about it
    bool loses_answers = false;  //!< the server has acted, nobody hears of it
    core::Millis takes{0};       //!< the server, before it answers
};

//! The merchants' servers, at names of the public internet. Outlives processes.
class Servers {
  public:
    struct Site {
        //! A call was made, whatever becomes of it.
        std::function<void(const net::HttpRequest&)> tried;
        //! It arrived: the status to answer with.
        std::function<int(const net::HttpRequest&)> arrived;
        //! The answer arrived.
        std::function<void(const net::HttpRequest&)> heard;
    };

    void add(const std::string& host, Site site);
    Way& way(const std::string& host) { return servers_.at(host).way; }

  private:
    friend class Internet;
    struct Server {
        Site site;
        Way way;
        std::vector<net::IpAddress> addresses;
    };
    std::map<std::string, Server, std::less<>> servers_;
};

//! What one process has for an internet: names, and calls that arrive late, or not, or in vain.
class Internet final : public net::HttpClient, public net::Resolver {
  public:
    Internet(Servers& servers, core::Clock& clock, Random rng, Life& life, Trace& trace)
        : servers_{servers.servers_}, clock_{clock}, rng_{rng}, life_{life}, trace_{trace} {}

    core::Task<core::Expected<std::vector<net::IpAddress>>> resolve(std::string host,
                                                                    core::Millis timeout) override;
    core::Task<core::Expected<net::HttpResponse>> send(net::HttpRequest request) override;

  private:
    core::Task<core::Error> silence(core::Millis until_timeout);

    std::map<std::string, Servers::Server, std::less<>>& servers_;
    core::Clock& clock_;
    Random rng_;
    Life& life_;
    Trace& trace_;
};

}  // namespace simulation
