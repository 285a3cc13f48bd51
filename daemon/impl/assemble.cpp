#include "daemon/assemble.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "api/auth.hpp"
#include "api/http_server.hpp"
#include "api/openapi.hpp"
#include "api/operator_api.hpp"
#include "api/pay_api.hpp"
#include "api/router.hpp"
#include "api/sdk_api.hpp"
#include "api/session_events.hpp"
#include "api/sessions_api.hpp"
#include "api/webhook_deliverer.hpp"
#include "api/webhook_events.hpp"
#include "api/webhooks_api.hpp"
#include "chains/evm/address_codec.hpp"
#include "chains/evm/reader.hpp"
#include "chains/evm/sender.hpp"
#include "daemon/impl/api_ports.hpp"
#include "daemon/impl/call_guard.hpp"
#include "daemon/impl/chain_settings.hpp"
#include "daemon/impl/readmission.hpp"
#include "daemon/impl/replay_desk.hpp"
#include "daemon/impl/wallet_balances.hpp"
#include "daemon/version.hpp"
#include "settlement/router.hpp"
#include "settlement/settlement.hpp"
#include "watchers/run.hpp"

namespace depositd {

namespace {

constexpr core::Millis kDrainWithin{5'000};
constexpr core::Millis kStoreLook{10'000};

template <class T>
std::vector<T*> raw(const std::vector<std::unique_ptr<T>>& owned) {
    std::vector<T*> out;
    for (const auto& one : owned) out.push_back(one.get());
    return out;
}

std::vector<chains::ChainInfo> infos_of(const std::vector<ChainParts>& chains) {
    std::vector<chains::ChainInfo> out;
    for (const ChainParts& chain : chains) out.push_back(chain.info);
    return out;
}

std::vector<chains::TxSender*> senders_of(const std::vector<ChainParts>& chains, const Keys& keys) {
    std::vector<chains::TxSender*> out;
    if (keys.signer == nullptr) return out;
    for (const ChainParts& chain : chains) out.push_back(chain.sender.get());
    return out;
}

Keys guarded(Keys keys, db::Database& database, std::vector<chains::ChainInfo> infos,
             const LimitsConfig& limits) {
    if (keys.signer == nullptr) return keys;
    keys.signer = std::make_unique<CallGuard>(std::move(keys.signer), database, std::move(infos),
                                              limits.allow_calls);
    return keys;
}

std::vector<settlement::PayingChain> paying(const std::vector<ChainParts>& chains, const Keys& keys) {
    std::vector<settlement::PayingChain> out;
    for (chains::TxSender* sender : senders_of(chains, keys)) {
        out.push_back({sender, keys.signer.get()});
    }
    return out;
}

settlement::Reconciling reconciling(const std::vector<ChainParts>& chains, const Keys& keys,
                                    const LimitsConfig& limits) {
    settlement::Reconciling out;
    out.every = core::Millis{limits.reconcile_s * 1000};
    for (const ChainParts& chain : chains) {
        settlement::Reconciler::Chain one;
        one.request.chain = chain.info.id;
        one.request.native = chain.info.native_asset;
        one.request.operator_addresses = keys.operators;
        chains::ChainReader& reader = *chain.reader;
        one.balance_at = [&reader](core::AssetId asset, core::Address owner, core::BlockRef at) {
            return reader.balance_by_one(std::move(asset), owner, at);
        };
        one.agreed_balance_at = [&reader](core::AssetId asset, core::Address owner,
                                          core::BlockRef at) {
            return reader.agreed_balance(std::move(asset), owner, at,
                                         reader.info().payout_final.endpoints);
        };
        out.chains.push_back(std::move(one));
    }
    return out;
}

std::vector<ReplayDesk::Chain> readers_of(const std::vector<ChainParts>& chains) {
    std::vector<ReplayDesk::Chain> out;
    for (const ChainParts& chain : chains) out.push_back({chain.info.id, chain.reader.get()});
    return out;
}

std::vector<WalletBalances::Chain> wallet_readers(const std::vector<ChainParts>& chains) {
    std::vector<WalletBalances::Chain> out;
    for (const ChainParts& chain : chains) {
        chains::ChainReader& reader = *chain.reader;
        auto read = [&reader](core::AssetId asset, core::Address owner, core::BlockRef at) {
            return reader.balance_by_one(std::move(asset), owner, at);
        };
        out.push_back({chain.info.id, std::move(read)});
    }
    return out;
}

std::vector<std::unique_ptr<watchers::ChainWatcher>> make_watchers(
    const core::asio::any_io_executor& executor, const std::vector<ChainParts>& chains,
    db::Database& database, watchers::WatchSet& watch, Surroundings around) {
    std::vector<std::unique_ptr<watchers::ChainWatcher>> out;
    for (const ChainParts& chain : chains) {
        out.push_back(std::make_unique<watchers::ChainWatcher>(
            executor, *chain.reader, database, watch, around.clock, around.log, around.metrics,
            chain.watching));
    }
    return out;
}

//! Ends when no write can succeed any more, and the daemon with it: what a failed commit left behind is
//! known only to who opens the file again.
core::Task<void> until_store_fails(db::Database& database, Surroundings around) {
    std::uint64_t seen = 0;
    while (!database.failed()) {
        seen = co_await database.changes().wait(seen, kStoreLook, db::Concern::kNone);
    }
    around.log.error("the store has failed: ending, to be started again", {});
}

api::DelivererOptions delivering(const WebhooksConfig& config) {
    api::DelivererOptions out;
    out.rules.allow_private = config.allow_private;
    out.timeout = core::Millis{config.timeout_s * 1000};
    out.first_retry = core::Millis{config.retry_first_s * 1000};
    return out;
}

api::HttpServerOptions listener(std::string name, const ListenAddress& listen,
                                const ServerConfig& server) {
    api::HttpServerOptions out;
    out.name = std::move(name);
    out.address = listen.host;
    out.port = listen.port;
    out.limits.max_connections = static_cast<std::size_t>(server.connections_max);
    return out;
}

//! Payers who look at pages must not take the connections that the shop needs.
api::EventsOptions event_limits(const ServerConfig& server) {
    api::EventsOptions out;
    out.streams = std::min(out.streams, static_cast<std::size_t>(server.connections_max / 4));
    // Without a limit per address all callers may have one: the proxy's.
    if (server.requests_per_second_per_ip == 0) out.streams_per_client = 0;
    return out;
}

}  // namespace

core::Expected<std::vector<ChainParts>> make_chains(const Config& config, net::HttpClient& http,
                                                    Surroundings around) {
    std::vector<ChainParts> out;
    for (const ChainSettings& settings : config.chains) {
        auto info = chain_info_of(settings);
        if (!info) return core::invalid(settings.id.text() + ": " + info.error().message);
        ChainParts parts;
        parts.info = std::move(*info);
        parts.watching = watching_of(settings, parts.info);
        parts.pool = std::make_unique<net::EndpointPool>(
            parts.info.id, endpoints_of(settings), net::PoolOptions{}, http, around.clock, around.rng,
            around.log, around.metrics);
        parts.reader = chains::evm::make_reader(parts.info, *parts.pool, around.clock, around.log,
                                                around.metrics);
        parts.sender =
            chains::evm::make_sender(parts.info, *parts.pool, around.clock, around.log,
                                     around.metrics, sending_of(settings, config.limits));
        out.push_back(std::move(parts));
    }
    return out;
}

//~ The whole daemon, top to bottom: what is declared later may use what stands above it.
struct Application::Graph {
    core::asio::any_io_executor executor;
    Surroundings around;
    ServerConfig server;
    std::unique_ptr<db::Database> database;
    std::vector<ChainParts> chains;
    Keys keys;
    chains::evm::EvmAddressCodec codec;

    watchers::WatchSet watch{"eip155", keys.operators};
    std::vector<std::unique_ptr<watchers::ChainWatcher>> watchers =
        make_watchers(executor, chains, *database, watch, around);
    ReplayDesk desk{executor, readers_of(chains), *database, watch, codec, around.clock, around.log};

    ConfiguredChains api_chains;
    api::WebhookOutbox outbox{api_chains};
    OutboxTeller teller{outbox};

    settlement::DirectRouter route;
    settlement::Settlement settlement;

    OperatorAddresses own{keys.operators};
    WatcherNudge nudge{raw(watchers), around.clock};
    DaemonView view{*database, raw(watchers), senders_of(chains, keys), around.clock, around.metrics};
    OperatorActions actions{desk, settlement, around.log};
    WalletBalances wallets{wallet_readers(chains),
                           [this](core::ChainId chain) { return last_block(*database, chain); },
                           around.clock};
    api::Authenticator auth;
    api::SessionsApi sessions;
    api::SessionEvents events;
    api::PayApi pay;
    api::SdkApi sdk;
    api::WebhooksApi webhooks;
    std::unique_ptr<api::WebhookDeliverer> deliverer;
    api::OperatorApi operators;
    api::Router public_routes;
    api::Router operator_routes;
    std::unique_ptr<api::HttpServer> public_server;
    std::unique_ptr<api::HttpServer> operator_server;

    Graph(core::asio::any_io_executor on, const Config& config, Surroundings given,
          std::unique_ptr<db::Database> store, std::vector<ChainParts> connected, Keys loaded,
          core::Bytes pepper, std::string operator_token, Outgoing outgoing)
        : executor{std::move(on)},
          around{given},
          server{config.server},
          database{std::move(store)},
          chains{std::move(connected)},
          keys{guarded(std::move(loaded), *database, infos_of(chains), config.limits)},
          api_chains{infos_of(chains), codec, config.limits.allow_calls},
          settlement{settlement::Context{*database, route, around.clock, around.log, around.metrics,
                                         infos_of(chains), &teller},
                     paying(chains, keys), reconciling(chains, keys, config.limits)},
          auth{*database, std::move(pepper), around.clock, around.log,
               {static_cast<double>(config.server.requests_per_second_per_key),
                static_cast<double>(config.server.request_burst_per_key)}},
          sessions{sessions_needs(), {core::Millis{config.server.session_ttl_s * 1000}}},
          events{{*database, api_chains, around.clock, around.log, around.metrics},
                 event_limits(config.server)},
          pay{{*database, api_chains, around.clock, around.log}},
          sdk{sessions_needs(), wallets},
          webhooks{{*database, api_chains, auth, around.clock, around.rng, around.log},
                   delivering(config.webhooks).rules},
          operators{*database, view, actions, around.clock, around.log, {std::move(operator_token)}} {
        sessions.add_routes(public_routes);
        events.add_routes(public_routes);
        pay.add_routes(public_routes);
        sdk.add_routes(public_routes);
        webhooks.add_routes(public_routes);
        if (outgoing.http != nullptr && outgoing.resolver != nullptr) {
            const api::DelivererNeeds needs{*database, *outgoing.http, *outgoing.resolver,
                                            around.clock, around.log, around.metrics};
            deliverer = std::make_unique<api::WebhookDeliverer>(executor, needs,
                                                                delivering(config.webhooks));
        }
        api::add_openapi_route(public_routes);
        operators.add_routes(operator_routes);
        api::add_openapi_route(operator_routes);
    }

    api::SessionsNeeds sessions_needs() {
        auto derive = [this](std::uint32_t index) { return keys.deriver->derive(index); };
        return {*database, api_chains,   own,        std::move(derive), nudge,
                auth,      around.clock, around.rng, around.log,        &outbox};
    }

    core::Expected<core::Done> listen() {
        auto open = [this](api::HttpServerOptions options, const api::Router& routes) {
            return api::HttpServer::open(
                executor, std::move(options),
                [&routes](api::Request request) { return routes.dispatch(std::move(request)); },
                around.clock, around.rng, around.log, around.metrics);
        };
        auto options = listener("public", server.public_listen, server);
        options.cors = true;
        options.limits.rate_per_second = static_cast<double>(server.requests_per_second_per_ip);
        options.limits.rate_burst = static_cast<double>(server.request_burst_per_ip);
        options.tell_too_many = [this](const api::Request& request, const api::Problem& problem) {
            return pay.refusal(request, problem);
        };
        auto opened = open(std::move(options), public_routes);
        if (!opened) return opened.error();
        public_server = std::move(*opened);
        opened = open(listener("operator", server.operator_listen, server), operator_routes);
        if (!opened) return opened.error();
        operator_server = std::move(*opened);
        return core::Done{};
    }
};

Application::Application(std::unique_ptr<Graph> graph) : graph_{std::move(graph)} {}
Application::~Application() = default;

core::Task<core::Expected<std::unique_ptr<Application>>> Application::assemble(
    core::asio::any_io_executor executor, const Config& config, Surroundings around,
    std::unique_ptr<db::Database> database, std::vector<ChainParts> chains, Keys keys,
    std::string operator_token, Outgoing outgoing) {
    auto pepper = co_await api::load_key_pepper(*database, around.rng);
    if (!pepper) co_return pepper.error();
    auto graph = std::make_unique<Graph>(std::move(executor), config, around, std::move(database),
                                         std::move(chains), std::move(keys), std::move(*pepper),
                                         std::move(operator_token), outgoing);
    around.metrics.gauge("depositd_build_info", {{"version", std::string{kVersion}}}, 1);
    co_return std::unique_ptr<Application>{new Application{std::move(graph)}};
}

std::vector<Part> Application::parts() {
    Graph& graph = *graph_;
    std::vector<Part> out;
    out.push_back({"store", [&graph] { return until_store_fails(*graph.database, graph.around); }});
    for (const auto& watcher : graph.watchers) {
        out.push_back({"watcher " + watcher->status().chain.text(),
                       [one = watcher.get()] { return one->run(); }});
        out.push_back({"second reading " + watcher->status().chain.text(),
                       [one = watcher.get()] { return one->second_reading().run(); }});
    }
    std::vector<net::EndpointPool*> pools;
    for (const ChainParts& chain : graph.chains) {
        if (chain.pool != nullptr) pools.push_back(chain.pool.get());
    }
    out.push_back({"endpoints", [&graph, pools] {
                       return readmit_corrected(pools, graph.around.clock, graph.around.log);
                   }});
    out.push_back({"replays", [&graph] { return graph.desk.run(); }});
    out.push_back({"settlement", [&graph] { return graph.settlement.run(); }});
    if (graph.deliverer != nullptr) {
        out.push_back({"webhooks", [&graph] { return graph.deliverer->run(); }});
    }
    if (graph.public_server == nullptr) return out;
    out.push_back({"operator listener", [&graph] { return graph.operator_server->run(); },
                   [&graph] { return graph.operator_server->drain(kDrainWithin); }});
    out.push_back({"public listener", [&graph] { return graph.public_server->run(); },
                   [&graph] { return graph.public_server->drain(kDrainWithin); }});
    return out;
}

core::Expected<core::Done> Application::listen() { return graph_->listen(); }
const api::Router& Application::public_routes() const { return graph_->public_routes; }
const api::Router& Application::operator_routes() const { return graph_->operator_routes; }
std::uint16_t Application::public_port() const { return graph_->public_server->port(); }
std::uint16_t Application::operator_port() const { return graph_->operator_server->port(); }

std::string Application::status_line() const {
    std::string out;
    for (const auto& watcher : graph_->watchers) {
        const watchers::WatcherStatus status = watcher->status();
        if (!out.empty()) out += ", ";
        out += status.chain.text();
        out += status.tip ? " at " + std::to_string(*status.tip) : " not begun";
        if (status.lag_blocks > 0) out += " (" + std::to_string(status.lag_blocks) + " behind)";
        if (!status.last_error.empty()) out += " (" + status.last_error + ")";
    }
    return out;
}

core::Task<bool> Application::alive() {
    auto newest = co_await graph_->database->read<core::FactSeq>(
        [](db::UnitOfWork& work) { return work.facts().newest(); });
    co_return newest.has_value();
}

void Application::close() { graph_->database->close(); }

}  // namespace depositd
