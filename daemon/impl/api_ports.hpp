#pragma once

#include <functional>
#include <map>
#include <vector>

#include "api/ports.hpp"
#include "api/webhook_events.hpp"
#include "chains/ports/address_codec.hpp"
#include "chains/ports/chain_info.hpp"
#include "chains/ports/sender.hpp"
#include "core/clock.hpp"
#include "daemon/impl/replay_desk.hpp"
#include "daemon/metrics_sink.hpp"
#include "settlement/settlement.hpp"
#include "watchers/run.hpp"

// What the API asks of the other rooms, answered.
namespace depositd {

class ConfiguredChains final : public api::Chains {
  public:
    ConfiguredChains(std::vector<chains::ChainInfo> chains, const chains::AddressCodec& codec,
                     bool calls_allowed = false)
        : chains_{std::move(chains)}, codec_{codec}, calls_allowed_{calls_allowed} {}

    std::vector<api::ChainFacts> evm_chains() const override;
    std::optional<api::ChainFacts> by_number(std::uint64_t number) const override;
    std::optional<api::ChainFacts> by_id(const core::ChainId& chain) const override;
    core::Expected<core::Address> parse_address(const core::ChainId& chain,
                                                std::string_view text) const override;
    std::string format_address(const core::ChainId& chain,
                               const core::Address& address) const override;
    std::string format_tx(const core::ChainId& chain, const core::TxId& tx) const override;
    std::optional<api::TokenFacts> token_at(const core::ChainId& chain,
                                            const core::Address& contract) const override;
    std::optional<api::TokenFacts> token(const core::AssetId& asset) const override;
    std::vector<api::TokenFacts> tokens(const core::ChainId& chain) const override;
    bool calls_allowed() const override { return calls_allowed_; }
    std::size_t call_data_max() const override;
    std::optional<std::string> forbidden_function(core::ByteView data) const override;

  private:
    const chains::ChainInfo* find(const core::ChainId& chain) const;
    api::TokenFacts facts_of(const chains::TokenInfo& token) const;

    std::vector<chains::ChainInfo> chains_;
    const chains::AddressCodec& codec_;
    bool calls_allowed_;
};

class OperatorAddresses final : public api::OwnAddresses {
  public:
    explicit OperatorAddresses(std::vector<core::Address> addresses)
        : addresses_{std::move(addresses)} {}
    bool is_own(const core::Address& address) const override;

  private:
    std::vector<core::Address> addresses_;
};

//! Puts what settlement has to tell into the outbox of the webhooks.
class OutboxTeller final : public settlement::Teller {
  public:
    explicit OutboxTeller(const api::WebhookOutbox& outbox) : outbox_{outbox} {}
    core::Expected<core::Done> tell(db::UnitOfWork& work, const core::SessionId& session,
                                    const std::vector<settlement::News>& news,
                                    core::Instant at) const override;

  private:
    const api::WebhookOutbox& outbox_;
};

//! Passes a stranger's hint on to every watcher, at most once in a while.
class WatcherNudge final : public api::Nudge {
  public:
    WatcherNudge(std::vector<watchers::ChainWatcher*> watchers, core::Clock& clock)
        : watchers_{std::move(watchers)}, clock_{clock} {}
    void look(const core::SessionId& session, std::string_view tx) override;

  private:
    static constexpr core::Millis kQuiet{250};
    std::vector<watchers::ChainWatcher*> watchers_;
    core::Clock& clock_;
    std::optional<core::Tick> last_;
};

class DaemonView final : public api::OperatorView {
  public:
    DaemonView(const db::Database& database, std::vector<watchers::ChainWatcher*> watchers,
               std::vector<chains::TxSender*> senders, core::Clock& clock, MetricsSink& metrics)
        : database_{database},
          watchers_{std::move(watchers)},
          senders_{std::move(senders)},
          clock_{clock},
          metrics_{metrics} {}
    std::vector<api::ComponentStatus> components(const Halts& halts) const override;
    std::string metrics_text(const Halts& halts) const override;

  private:
    const db::Database& database_;
    std::vector<watchers::ChainWatcher*> watchers_;
    std::vector<chains::TxSender*> senders_;  //!< empty when watching only
    core::Clock& clock_;
    MetricsSink& metrics_;
};

class OperatorActions final : public api::Operator {
  public:
    OperatorActions(ReplayDesk& desk, settlement::Settlement& settlement, core::Log& log)
        : desk_{desk}, settlement_{settlement}, log_{log} {}
    core::Task<core::Expected<nlohmann::json>> start_replay(nlohmann::json request) override;
    core::Task<core::Expected<nlohmann::json>> replay(std::string id) override;
    core::Task<core::Expected<nlohmann::json>> resume_payout(core::PayoutId payout,
                                                             std::string by) override;

  private:
    ReplayDesk& desk_;
    settlement::Settlement& settlement_;
    core::Log& log_;
};

}  // namespace depositd
