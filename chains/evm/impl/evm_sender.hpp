#pragma once

#include "chains/evm/impl/endpoint_gate.hpp"
#include "chains/evm/impl/fees.hpp"
#include "chains/evm/impl/quirks.hpp"
#include "chains/evm/impl/rpc_params.hpp"
#include "chains/evm/sender.hpp"
#include "chains/evm/signer.hpp"

#include <algorithm>

namespace chains::evm::impl {

//! chains::TxSender over JSON-RPC. Parts: evm_sender.cpp (prices, sending), sender_state.cpp (nonces,
//! balances) and sender_simulate.cpp.
class EvmSender final : public TxSender {
  public:
    EvmSender(ChainInfo chain, std::uint64_t number, net::EndpointPool& pool, core::Clock& clock,
              core::Log& log, SenderOptions options);

    const ChainInfo& info() const override { return info_; }
    core::Task<core::Expected<Simulation>> simulate(TxOrder order,
                                                    std::uint64_t at_least_height) override;
    core::Task<core::Expected<Simulation>> rehearse(std::vector<TxOrder> orders,
                                                    std::uint64_t at_least_height) override;
    core::Task<core::Expected<Holding>> holding(core::AssetId asset, core::Address owner,
                                                core::Address spender, core::BlockRef at) override;
    core::Task<core::Expected<GasPrice>> suggest_price() override;
    core::Task<core::Expected<core::Units>> cost_max(UnsignedTx tx) override;
    core::Expected<GasPrice> bump(const GasPrice& price, const GasPrice& suggested) const override;
    core::Task<core::Expected<std::uint64_t>> nonce_final(core::Address sender) override;
    core::Task<core::Expected<std::uint64_t>> nonce_latest(core::Address sender) override;
    core::Task<core::Expected<core::Units>> native_balance(core::Address owner) override;
    core::Task<core::Expected<bool>> has_code(core::Address address) override;
    core::Task<core::Expected<SendReport>> send(core::Bytes raw) override;
    core::Expected<core::Done> ready_to_pay() const override;

  private:
    unsigned quorum() const { return options_.quorum.value_or(info_.payout_final.endpoints); }
    core::Task<core::Expected<std::uint64_t>> final_height();
    core::Task<core::Expected<GasPrice>> price_at(std::optional<std::size_t> endpoint);
    //! Healthy ones, the quickest first; all that may be asked when none is.
    std::vector<std::size_t> endpoints() const;
    core::Task<core::Expected<Simulation>> simulate_at(std::size_t endpoint, TxOrder order,
                                                       std::uint64_t at_least_height);
    core::Task<core::Expected<Simulation>> rehearse_at(std::size_t endpoint,
                                                       std::vector<TxOrder> orders,
                                                       std::uint64_t at_least_height);
    core::Expected<core::Done> reaches(std::size_t endpoint, const net::RpcReply& head,
                                       std::uint64_t at_least_height);
    std::uint64_t gas_max(CallKind kind) const {
        return kind == CallKind::kCall ? std::min(options_.call_gas_max, options_.gas_limit_max)
                                       : options_.gas_limit_max;
    }
    core::Task<core::Expected<std::uint64_t>> count_at(core::Address sender, std::string at,
                                                       std::size_t endpoint);
    core::Task<core::Expected<std::uint64_t>> count_without_history(core::Address sender,
                                                                    std::string at,
                                                                    core::Error why);
    //! Doubts those that tell another balance than two others, where the chain has come to rest.
    core::Task<void> compare_balances(core::Address owner);
    core::Task<core::Expected<core::Units>> quantity_of(net::RpcCall call);
    core::Task<core::Expected<core::Units>> l1_fee(UnsignedTx tx);
    core::Expected<Simulation> judge(const TxOrder& order, const net::RpcReply& call,
                                     const net::RpcReply& estimate, const net::RpcReply* code);
    core::Expected<Simulation> judge_run(const std::vector<TxOrder>& orders,
                                         const net::RpcReply& simulated, const net::RpcReply& code);
    std::vector<TokenMove> moves_of(const std::vector<SimulatedCall>& calls,
                                    const core::Address& sender) const;
    core::Task<core::Expected<core::Units>> word_at(core::Address contract, core::Bytes data,
                                                    core::BlockRef at);
    //! A quarter more than it took: state moves between now and inclusion.
    Simulation with_gas(CallKind kind, const core::Units& taken) const;
    SendReport report_of(const net::BroadcastAnswer& answer, const core::TxId& expected);

    ChainInfo info_;
    Quirks quirks_;
    EndpointGate gate_;
    core::Clock& clock_;
    SenderOptions options_;
    Decoder decoder_;
    std::optional<core::Tick> balances_compared_;
};

}  // namespace chains::evm::impl
