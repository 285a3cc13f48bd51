#include "daemon/impl/cli_context.hpp"

#include <algorithm>

#include "daemon/log_sink.hpp"
#include "daemon/secrets.hpp"
#include "net/http_client.hpp"
#include "net/json.hpp"

namespace depositd {

CliContext::CliContext(std::ostream& out_stream, std::ostream& err_stream)
    : out{out_stream},
      err{err_stream},
      log{make_quiet_log()},
      metrics{make_metrics_sink()},
      sources{system_sources()} {}

std::optional<Config> CliContext::config() {
    auto loaded = load_config(config_path, sources);
    if (!loaded.config) err << describe(loaded.problems, config_path);
    return std::move(loaded.config);
}

std::unique_ptr<db::Database> CliContext::store(const Config& config) {
    db::DatabaseOptions options;
    options.path = config.storage.path;
    options.readers = 1;
    options.exclusive = false;
    auto opened = db::open_database(options, clock, *log, *metrics);
    if (opened) return std::move(*opened);
    err << "cannot open " << config.storage.path << ": " << opened.error().message << "\n";
    return nullptr;
}

int CliContext::failed(const core::Error& error) {
    err << error.message << " (" << core::to_string(error.code) << ")\n";
    return kExitFinding;
}

void TextTable::print(std::ostream& out) const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
        }
        out << line << "\n";
    }
}

core::Expected<nlohmann::json> ask_daemon(CliContext& context, const Config& config,
                                          const std::string& method, const std::string& path,
                                          const nlohmann::json& body) {
    const auto http = net::make_curl_http_client(context.io.get_executor(), {}, *context.log);
    net::HttpRequest request;
    request.method = method;
    request.url = "http://" + config.server.operator_listen.text() + path;
    if (method != "GET") {
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = body.dump();
    }
    if (!config.server.operator_token_file.empty()) {
        auto token = read_secret_file(config.server.operator_token_file,
                                      {context.sources.env("CREDENTIALS_DIRECTORY"), false});
        if (!token) return token.error();
        request.headers.emplace_back(
            "Authorization",
            "Bearer " + std::string{reinterpret_cast<const char*>(token->view().data()), token->size()});
    }
    auto response = context.wait(http->send(std::move(request)));
    if (!response) return response.error();
    auto answer = net::parse_strict(response->body, {32, 16 * 1024 * 1024});
    if (!answer) return core::Error{core::Errc::kMalformed, "the daemon's answer is no JSON"};
    if (response->status >= 400) {
        std::string message = "the daemon answered " + std::to_string(response->status);
        if (answer->contains("error") && (*answer)["error"].is_object()) {
            message = (*answer)["error"].value("message", message);
        }
        return core::Error{response->status == 404 ? core::Errc::kNotFound : core::Errc::kRefused,
                           message};
    }
    return std::move(*answer);
}

std::string money(const core::AssetId& asset, const core::Units& units,
                  const std::vector<chains::ChainInfo>& infos) {
    for (const chains::ChainInfo& info : infos) {
        const chains::TokenInfo* token = info.id == asset.chain() ? info.token(asset) : nullptr;
        if (token != nullptr) {
            return units.token_decimal(token->decimals) + " " + token->symbol + " on " + info.name;
        }
    }
    return units.decimal() + " of " + asset.text();
}

}  // namespace depositd
