#include "daemon/serve.hpp"

#include <malloc.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include "daemon/assemble.hpp"
#include "daemon/impl/chain_settings.hpp"
#include "daemon/lifecycle.hpp"
#include "daemon/log_sink.hpp"
#include "daemon/secrets.hpp"
#include "daemon/system.hpp"
#include "daemon/version.hpp"

namespace depositd {

namespace {

namespace asio = core::asio;

constexpr core::Millis kStatusEvery{10'000};
constexpr int kOwnMappingBytes = 128 * 1024;

//! glibc keeps large freed blocks for later, more of them the larger they get, and a heap for every
//! thread. Answers of nodes are large and short-lived: they get a mapping each, and the heap stays that
//! of what lives long. mallopt(3).
void keep_heap_small() {
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, kOwnMappingBytes);
    mallopt(M_TRIM_THRESHOLD, kOwnMappingBytes);
}

core::Expected<std::string> operator_token(const Config& config, const ConfigSources& sources) {
    if (config.server.operator_token_file.empty()) return std::string{};
    auto secret = read_secret_file(config.server.operator_token_file,
                                   {sources.env("CREDENTIALS_DIRECTORY"), false});
    if (!secret) return secret.error();
    return std::string{reinterpret_cast<const char*>(secret->view().data()), secret->size()};
}

core::Expected<std::unique_ptr<db::Database>> open_store(const Config& config, Surroundings around) {
    db::DatabaseOptions options;
    options.path = config.storage.path;
    options.readers = config.storage.readers;
    std::error_code ignored;
    const auto folder = std::filesystem::path{options.path}.parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
        return core::Error{core::Errc::kStorage, "the folder " + folder.string() +
                                                     " does not exist; make it, or change storage.path"};
    }
    return db::open_database(options, around.clock, around.log, around.metrics);
}

//! Feeds systemd's watchdog while the loop turns and the store answers, and keeps its status line fresh.
core::Task<void> keep_systemd_informed(Application& app, core::Clock& clock, core::Log& log,
                                       SystemdNotifier notifier) {
    const auto period = std::min(notifier.watchdog_period().value_or(kStatusEvery), kStatusEvery);
    for (;;) {
        const bool alive = co_await app.alive();
        if (alive) {
            notifier.watchdog();
        } else {
            log.error("the store does not answer; the watchdog goes hungry");
        }
        notifier.status(app.status_line());
        co_await clock.sleep_for(period);
    }
}

//! Hands signals to the lifecycle; waits for more until destroyed.
class SignalWatch {
  public:
    SignalWatch(const asio::any_io_executor& executor, Lifecycle& lifecycle)
        : signals_{executor, SIGTERM, SIGINT}, lifecycle_{lifecycle} {
        wait();
    }

  private:
    void wait() {
        signals_.async_wait([this](const boost::system::error_code& failed, int number) {
            if (failed) return;
            lifecycle_.request_stop(number == SIGTERM ? "SIGTERM" : "SIGINT");
            wait();
        });
    }
    asio::signal_set signals_;
    Lifecycle& lifecycle_;
};

core::Task<int> run(const Config& config, Surroundings around, net::HttpClient& http,
                    Outgoing outgoing) {
    const auto executor = co_await asio::this_coro::executor;
    const ConfigSources sources = system_sources();
    const auto refuse = [&around](std::string_view what, const core::Error& error) {
        around.log.error("cannot start", {{"step", what}, {"why", error.message}});
        return 1;
    };
    auto chains = make_chains(config, http, around);
    if (!chains) co_return refuse("chains", chains.error());
    auto infos = chain_infos_of(config);
    if (!infos) co_return refuse("chains", infos.error());
    auto keys = load_keys(config, *infos, sources, around.rng);
    if (!keys) co_return refuse("keys", keys.error());
    if (keys->signer == nullptr) {
        around.log.warn("no mnemonic_file is configured: watching only, nothing will be paid");
    }
    auto token = operator_token(config, sources);
    if (!token) co_return refuse("operator token", token.error());
    if (config.webhooks.allow_private) {
        around.log.warn("webhooks.allow_private is set: webhooks may lead into the own network");
    }
    auto database = open_store(config, around);
    if (!database) co_return refuse("database", database.error());

    auto app = co_await Application::assemble(executor, config, around, std::move(*database),
                                              std::move(*chains), std::move(*keys),
                                              std::move(*token), outgoing);
    if (!app) co_return refuse("database", app.error());
    if (auto open = (*app)->listen(); !open) co_return refuse("listeners", open.error());

    const SystemdNotifier notifier;
    std::vector<Part> parts = (*app)->parts();
    parts.push_back({"systemd", [&app, &around, notifier] {
                         return keep_systemd_informed(**app, around.clock, around.log, notifier);
                     }});
    Lifecycle lifecycle{executor, std::move(parts), around.log};
    const SignalWatch signals{executor, lifecycle};
    const auto started = [&] {
        around.log.info("serving", {{"version", kVersion},
                                    {"public", (*app)->public_port()},
                                    {"operator", (*app)->operator_port()}});
        notifier.ready();
    };
    const auto stopping = [&notifier] { notifier.stopping(); };
    const int code = co_await lifecycle.run(started, stopping);
    if (!lifecycle.all_ended()) {
        // What still hangs may touch what would be destroyed now; the disk holds every commit.
        std::_Exit(code);
    }
    (*app)->close();
    around.log.info("stopped");
    co_return code;
}

}  // namespace

int serve(const Config& config) {
    keep_heap_small();
    // A client that hangs up must not end us, nor a file size limit before we could say so.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    const auto log = make_log_sink(config.log);
    const auto metrics = make_metrics_sink();
    SystemClock clock;
    SystemRng rng;
    asio::io_context io{1};
    int code = 1;
    {
        const auto http = net::make_curl_http_client(io.get_executor(), {}, *log);
        // Receivers of webhooks get connections of their own: none that nodes could wait for.
        net::HttpClientOptions to_receivers;
        to_receivers.user_agent = "depositd-webhooks/" + std::string{kVersion};
        const auto webhooks = net::make_curl_http_client(io.get_executor(), to_receivers, *log);
        const auto resolver = net::make_system_resolver(io.get_executor());
        asio::co_spawn(io,
                       run(config, {clock, rng, *log, *metrics}, *http,
                           {webhooks.get(), resolver.get()}),
                       [&](const std::exception_ptr& failure, int result) {
                           code = failure ? 1 : result;
                           if (failure) log->error("the daemon ended by an exception");
                           io.stop();
                       });
        io.run();
    }
    return code;
}

}  // namespace depositd
