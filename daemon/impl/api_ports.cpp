#include "daemon/impl/api_ports.hpp"

#include <algorithm>
#include <charconv>

#include "chains/evm/call_rules.hpp"
#include "core/check.hpp"

namespace depositd {

namespace {

//! A watcher whose last good look is older than this is not ready. Above the longest pause between two
//! looks (watchers::WatcherConfig::backoff_max).
constexpr core::Millis kStale{20'000};

api::ChainFacts facts_of_chain(const chains::ChainInfo& info) {
    api::ChainFacts out{info.id, 0, info.name, info.explorer_url};
    const auto reference = info.id.reference();
    std::from_chars(reference.data(), reference.data() + reference.size(), out.number);
    return out;
}

}  // namespace

const chains::ChainInfo* ConfiguredChains::find(const core::ChainId& chain) const {
    for (const chains::ChainInfo& info : chains_) {
        if (info.id == chain) return &info;
    }
    return nullptr;
}

std::vector<api::ChainFacts> ConfiguredChains::evm_chains() const {
    std::vector<api::ChainFacts> out;
    for (const chains::ChainInfo& info : chains_) out.push_back(facts_of_chain(info));
    return out;
}

std::optional<api::ChainFacts> ConfiguredChains::by_number(std::uint64_t number) const {
    return by_id(core::ChainId::eip155(number));
}

std::optional<api::ChainFacts> ConfiguredChains::by_id(const core::ChainId& chain) const {
    const chains::ChainInfo* info = find(chain);
    if (info == nullptr) return std::nullopt;
    return facts_of_chain(*info);
}

core::Expected<core::Address> ConfiguredChains::parse_address(const core::ChainId&,
                                                              std::string_view text) const {
    return codec_.parse(text);
}

std::string ConfiguredChains::format_address(const core::ChainId&,
                                             const core::Address& address) const {
    return codec_.format(address);
}

std::string ConfiguredChains::format_tx(const core::ChainId&, const core::TxId& tx) const {
    return codec_.format_tx(tx);
}

api::TokenFacts ConfiguredChains::facts_of(const chains::TokenInfo& token) const {
    static const core::Bytes kZero(20, 0);
    const bool native = token.asset.is_native();
    const auto zero = core::Address::from_bytes(kZero);
    CHECK(zero.has_value(), "20 bytes are an address");
    return {token.asset, token.symbol, token.decimals,
            codec_.format(native || token.contract.empty() ? *zero : token.contract), std::nullopt};
}

std::optional<api::TokenFacts> ConfiguredChains::token_at(const core::ChainId& chain,
                                                          const core::Address& contract) const {
    const chains::ChainInfo* info = find(chain);
    if (info == nullptr) return std::nullopt;
    const chains::TokenInfo* token =
        contract.is_zero() ? info->token(info->native_asset) : info->token_at(contract);
    if (token == nullptr) return std::nullopt;
    return facts_of(*token);
}

std::optional<api::TokenFacts> ConfiguredChains::token(const core::AssetId& asset) const {
    const chains::ChainInfo* info = find(asset.chain());
    const chains::TokenInfo* token = info == nullptr ? nullptr : info->token(asset);
    if (token == nullptr) return std::nullopt;
    return facts_of(*token);
}

std::vector<api::TokenFacts> ConfiguredChains::tokens(const core::ChainId& chain) const {
    std::vector<api::TokenFacts> out;
    const chains::ChainInfo* info = find(chain);
    if (info == nullptr) return out;
    for (const chains::TokenInfo& token : info->tokens) out.push_back(facts_of(token));
    return out;
}

std::size_t ConfiguredChains::call_data_max() const { return chains::evm::kCallDataMax; }

std::optional<std::string> ConfiguredChains::forbidden_function(core::ByteView data) const {
    return chains::evm::forbidden_function(data);
}

bool OperatorAddresses::is_own(const core::Address& address) const {
    return std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end();
}

core::Expected<core::Done> OutboxTeller::tell(db::UnitOfWork& work, const core::SessionId& session,
                                              const std::vector<settlement::News>& news,
                                              core::Instant at) const {
    std::vector<api::Happening> happenings;
    for (const settlement::News& one : news) happenings.push_back({one.type, one.deposits});
    return outbox_.write(work, session, happenings, at);
}

void WatcherNudge::look(const core::SessionId&, std::string_view) {
    const core::Tick now = clock_.tick();
    if (last_ && now - *last_ < kQuiet) return;
    last_ = now;
    for (watchers::ChainWatcher* watcher : watchers_) watcher->nudge();
}

namespace {

//! Empty when payouts on the chain are not halted.
std::string why_halted(const api::OperatorView::Halts& halts, const core::ChainId& chain) {
    if (!halts) return "whether they are halted cannot be read: " + halts.error().message;
    std::string why;
    for (const db::Halt& halt : *halts) {
        if (halt.chain != chain) continue;
        why += (why.empty() ? "halted until an operator acknowledges: " : "; ") + halt.reason;
    }
    return why;
}

}  // namespace

std::vector<api::ComponentStatus> DaemonView::components(const Halts& halts) const {
    std::vector<api::ComponentStatus> out;
    const bool stored = !database_.failed();
    out.push_back({"store", stored, stored ? "" : "a write failed; the daemon ends to be restarted"});
    for (const watchers::ChainWatcher* watcher : watchers_) {
        const watchers::WatcherStatus status = watcher->status();
        api::ComponentStatus one{"watcher " + status.chain.text(), true, ""};
        if (!status.last_ok) {
            one.ready = false;
            one.why = "no look at the chain has succeeded yet";
        } else if (clock_.now() - *status.last_ok > kStale) {
            one.ready = false;
            one.why = status.lag_blocks > 0
                          ? "still " + std::to_string(status.lag_blocks) + " blocks behind"
                          : "the last good look is too long ago";
        }
        if (!one.ready && !status.last_error.empty()) one.why += ": " + status.last_error;
        out.push_back(std::move(one));
    }
    for (const chains::TxSender* sender : senders_) {
        const auto ready = sender->ready_to_pay();
        api::ComponentStatus one{"payouts " + sender->info().id.text(), ready.has_value(),
                                 ready ? std::string{} : ready.error().message};
        const std::string halted = why_halted(halts, sender->info().id);
        if (!halted.empty()) one = {one.name, false, halted};
        out.push_back(std::move(one));
    }
    return out;
}

std::string DaemonView::metrics_text(const Halts& halts) const {
    for (const watchers::ChainWatcher* watcher : watchers_) {
        const core::ChainId chain = watcher->status().chain;
        // When it is not known, the last word stands.
        if (!halts) continue;
        const bool halted = !why_halted(halts, chain).empty();
        metrics_.gauge("depositd_payouts_halted", {{"chain", chain.text()}}, halted ? 1 : 0);
    }
    bool all = true;
    for (const api::ComponentStatus& one : components(halts)) {
        all = all && one.ready;
        metrics_.gauge("depositd_component_ready", {{"component", one.name}}, one.ready ? 1 : 0);
    }
    metrics_.gauge("depositd_ready", {}, all ? 1 : 0);
    return metrics_.text();
}

core::Task<core::Expected<nlohmann::json>> OperatorActions::start_replay(nlohmann::json request) {
    co_return desk_.start(request);
}

core::Task<core::Expected<nlohmann::json>> OperatorActions::replay(std::string id) {
    co_return desk_.progress(id);
}

core::Task<core::Expected<nlohmann::json>> OperatorActions::resume_payout(core::PayoutId payout,
                                                                          std::string by) {
    auto resumed = co_await settlement_.resume(payout);
    if (!resumed) co_return resumed.error();
    log_.info("payout resumed by an operator",
              {{"payout", payout.value}, {"goes_on", resumed->value}, {"by", by}});
    nlohmann::json out{{"id", payout.value}, {"resumed", true}, {"goesOn", resumed->value}};
    co_return out;
}

}  // namespace depositd
