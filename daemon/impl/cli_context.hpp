#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "core/log.hpp"
#include "daemon/assemble.hpp"
#include "daemon/cli.hpp"
#include "daemon/config.hpp"
#include "daemon/metrics_sink.hpp"
#include "daemon/system.hpp"
#include "db/database.hpp"

namespace CLI {
class App;
}

namespace depositd {

//! What the commands share: where to write, the common options, and the way to configuration and store.
class CliContext {
  public:
    CliContext(std::ostream& out_stream, std::ostream& err_stream);

    std::ostream& out;
    std::ostream& err;
    std::string config_path = "/etc/depositd/depositd.toml";
    bool json = false;
    //! Set by the subcommand that was chosen; returns the exit code.
    std::function<int()> chosen;

    //! One loop for everything a command waits for. It outlives stores and clients: their threads may
    //! still let go of it when the answer is here already.
    core::asio::io_context io{1};
    SystemClock clock;
    SystemRng rng;
    std::unique_ptr<core::Log> log;
    std::unique_ptr<MetricsSink> metrics;
    ConfigSources sources;

    Surroundings around() { return {clock, rng, *log, *metrics}; }

    //! None after the problems were told; the command then ends with kExitUsage.
    std::optional<Config> config();
    //! Opens the store beside a running daemon. Null after the reason was told.
    std::unique_ptr<db::Database> store(const Config& config);
    //! Tells an error, and gives the exit code for it.
    int failed(const core::Error& error);

    //! Runs a task to its end.
    template <class T>
    T wait(core::Task<T> task) {
        std::optional<T> result;
        std::exception_ptr failure;
        io.restart();
        core::asio::co_spawn(io, std::move(task), [&](const std::exception_ptr& thrown, T value) {
            failure = thrown;
            if (!thrown) result.emplace(std::move(value));
            io.stop();
        });
        io.run();
        if (failure) std::rethrow_exception(failure);
        return std::move(*result);
    }

    template <class R, class F>
    core::Expected<R> read(db::Database& database, F job) {
        return wait(database.read<R>(std::move(job)));
    }
    template <class R, class F>
    core::Expected<R> write(db::Database& database, F job) {
        return wait(database.write<R>(std::move(job)));
    }
};

//! Columns as wide as their widest cell, two spaces between.
class TextTable {
  public:
    explicit TextTable(std::vector<std::string> header) { rows_.push_back(std::move(header)); }
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const { return rows_.size() == 1; }
    void print(std::ostream& out) const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

//! One exchange with the running daemon's operator listener. kUnreachable when there is none.
core::Expected<nlohmann::json> ask_daemon(CliContext& context, const Config& config,
                                          const std::string& method, const std::string& path,
                                          const nlohmann::json& body);

//! "10.50 USDC" when the asset is configured, else base units and the asset's id.
std::string money(const core::AssetId& asset, const core::Units& units,
                  const std::vector<chains::ChainInfo>& infos);

// Each adds one family of subcommands.
void add_config_commands(CLI::App& app, CliContext& context);
void add_tenant_commands(CLI::App& app, CliContext& context);
void add_session_commands(CLI::App& app, CliContext& context);
void add_payout_commands(CLI::App& app, CliContext& context);
void add_chain_commands(CLI::App& app, CliContext& context);
void add_doctor_command(CLI::App& app, CliContext& context);

}  // namespace depositd
