#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/router.hpp"
#include "chains/ports/address_codec.hpp"
#include "chains/ports/reader.hpp"
#include "chains/ports/sender.hpp"
#include "chains/ports/signer.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/rng.hpp"
#include "core/task.hpp"
#include "daemon/config.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/metrics_sink.hpp"
#include "db/database.hpp"
#include "net/endpoint_pool.hpp"
#include "net/http_client.hpp"
#include "net/resolver.hpp"
#include "watchers/config.hpp"

namespace depositd {

//! What every part is given; a simulation turns the clock and seeds the randomness.
struct Surroundings {
    core::Clock& clock;
    core::Rng& rng;
    core::Log& log;
    MetricsSink& metrics;
};

//! One chain behind its ports. A simulation hands in its own.
struct ChainParts {
    chains::ChainInfo info;
    std::unique_ptr<net::EndpointPool> pool;  //!< null where there are no nodes
    std::unique_ptr<chains::ChainReader> reader;
    std::unique_ptr<chains::TxSender> sender;
    watchers::WatcherConfig watching;
};

//! The way to the receivers of webhooks. Without one, what there is to tell waits in the store.
struct Outgoing {
    net::HttpClient* http = nullptr;
    net::Resolver* resolver = nullptr;
};

//! Everything made of the operator's keys.
struct Keys {
    std::unique_ptr<chains::Signer> signer;  //!< null: watch only, nothing is paid
    std::unique_ptr<chains::ReceiverDeriver> deriver;
    //! Gas station and treasury; empty when watching only.
    std::vector<core::Address> operators;
};

//! kUnauthorized for a secret that others could read, kInvalid for words that are none or an xpub that
//! does not belong to them.
core::Expected<Keys> load_keys(const Config& config, const std::vector<chains::ChainInfo>& infos,
                               const ConfigSources& sources, core::Rng& rng);

//! Connects every configured chain. No call is made yet: a node that is down changes nothing here.
core::Expected<std::vector<ChainParts>> make_chains(const Config& config, net::HttpClient& http,
                                                    Surroundings around);

//! The object graph of a running daemon. Everything below runs on one executor; the database brings
//! its own threads.
class Application {
  public:
    //! Nothing runs and nobody is listened to yet. Errors: the store.
    static core::Task<core::Expected<std::unique_ptr<Application>>> assemble(
        core::asio::any_io_executor executor, const Config& config, Surroundings around,
        std::unique_ptr<db::Database> database, std::vector<ChainParts> chains, Keys keys,
        std::string operator_token, Outgoing outgoing = {});
    ~Application();
    Application(const Application&) = delete;
    Application& operator=(const Application&) = delete;

    //! Opens both listeners; kUnreachable for a port in use.
    core::Expected<core::Done> listen();
    //! In the order they start. Listeners are among them when they are open.
    std::vector<Part> parts();
    //! What the listeners answer with. A simulation asks here and needs no sockets.
    const api::Router& public_routes() const;
    const api::Router& operator_routes() const;
    //! Only after listen().
    std::uint16_t public_port() const;
    std::uint16_t operator_port() const;
    //! One line for people: where every chain stands.
    std::string status_line() const;
    //! Does the store still answer? What the watchdog asks.
    core::Task<bool> alive();
    //! After every part has ended.
    void close();

  private:
    struct Graph;
    explicit Application(std::unique_ptr<Graph> graph);
    std::unique_ptr<Graph> graph_;
};

}  // namespace depositd
