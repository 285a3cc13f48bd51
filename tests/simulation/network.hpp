#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/clock.hpp"
#include "net/http_client.hpp"
#include "tests/simulation/life.hpp"
#include "tests/simulation/random.hpp"
#include "tests/simulation/trace.hpp"

namespace simulation {

//! How the way to one node is now.
struct Link {
    core::Millis latency{5};         //!< one way, at least
    core::Millis jitter{20};         //!< and at most this much more
    bool is_cut = false;             //!< nothing goes through, nothing is said about it
    bool is_refused = false;         //!< the connection is refused at once
    unsigned lost_requests = 0;      //!< per mille
    unsigned lost_replies = 0;       //!< per mille: the node has acted, nobody hears of it
};

//! The nodes of the world and the ways to them. Outlives processes.
class Nodes {
  public:
    struct Answer {
        int status = 200;
        std::string body;
    };
    using Server = std::function<Answer(std::string_view body)>;

    //! "http://NAME.node/" is where it is reached.
    void add(std::string name, Server server) { nodes_[std::move(name)].server = std::move(server); }
    Link& link(const std::string& name) { return nodes_.at(name).link; }
    static std::string url(const std::string& name) { return "http://" + name + ".node/"; }

  private:
    friend class Network;
    struct Node {
        Server server;
        Link link;
    };
    std::map<std::string, Node, std::less<>> nodes_;
};

//! What one process has for a network: requests reach the nodes late, twice never, or not at all.
class Network final : public net::HttpClient {
  public:
    Network(Nodes& nodes, core::Clock& clock, Random rng, Life& life, Trace& trace)
        : nodes_{nodes}, clock_{clock}, rng_{rng}, life_{life}, trace_{trace} {}

    core::Task<core::Expected<net::HttpResponse>> send(net::HttpRequest request) override;

  private:
    core::Task<core::Error> silence(core::Millis until_timeout);

    Nodes& nodes_;
    core::Clock& clock_;
    Random rng_;
    Life& life_;
    Trace& trace_;
};

}  // namespace simulation
