#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "chains/ports/sender.hpp"
#include "chains/ports/signer.hpp"

namespace support {

//! Signs by numbering: a request always gives the same bytes, different requests different ones.
class FakeSigner final : public chains::Signer {
  public:
    core::Task<core::Expected<chains::SignedTx>> sign(chains::SigningRequest request) override;
    core::Expected<core::Address> address_of(chains::KeyRef key) const override;
    core::Expected<core::Done> allows(const chains::TxOrder& order) const override;
    //! What was signed under this id.
    const chains::UnsignedTx& tx(const core::TxId& id) const { return by_id_.at(id); }
    std::size_t signatures() const { return by_id_.size(); }
    static core::Address gas_station();
    static core::TxId id_of(const core::Bytes& raw);

    bool refuse = false;
    //! No contract is called or allowed anything any more.
    bool refuse_calls = false;
    //! Above it nothing is signed.
    std::optional<core::Units> cap;

  private:
    std::map<core::TxId, chains::UnsignedTx> by_id_;
};

//! A node whose answers are scripted. It remembers what it was sent; nothing is mined by itself.
class FakeSender final : public chains::TxSender {
  public:
    explicit FakeSender(chains::ChainInfo info) : info_{std::move(info)} {}

    const chains::ChainInfo& info() const override { return info_; }
    core::Task<core::Expected<chains::Simulation>> simulate(chains::TxOrder order,
                                                              std::uint64_t at_least_height) override;
    core::Task<core::Expected<chains::Simulation>> rehearse(std::vector<chains::TxOrder> orders,
                                                            std::uint64_t at_least_height) override;
    core::Task<core::Expected<chains::Holding>> holding(core::AssetId asset, core::Address owner,
                                                        core::Address spender,
                                                        core::BlockRef at) override;
    core::Task<core::Expected<chains::GasPrice>> suggest_price() override;
    core::Task<core::Expected<core::Units>> cost_max(chains::UnsignedTx tx) override;
    core::Expected<chains::GasPrice> bump(const chains::GasPrice& price,
                                          const chains::GasPrice& suggested) const override;
    core::Task<core::Expected<std::uint64_t>> nonce_final(core::Address sender) override;
    core::Task<core::Expected<std::uint64_t>> nonce_latest(core::Address sender) override;
    core::Task<core::Expected<core::Units>> native_balance(core::Address owner) override;
    core::Task<core::Expected<bool>> has_code(core::Address address) override;
    core::Task<core::Expected<chains::SendReport>> send(core::Bytes raw) override;
    core::Expected<core::Done> ready_to_pay() const override { return core::Done{}; }

    //! Recipients that the chain refuses, with its words.
    std::map<core::Address, std::string> refuses;
    //! Contracts that refuse to be called, with their words.
    std::map<core::Address, std::string> refuses_calls;
    //! Contracts whose calls nobody but a rehearsal can judge.
    std::optional<core::Error> simulation_error_of_calls;
    //! Nothing is taken back from these spenders.
    std::set<core::Address> refuses_clearings;
    //! Tokens that change an allowance only when it is nothing; the spenders that have one.
    std::set<core::Address> refuses_approvals;
    std::optional<core::Error> rehearsal_error;
    unsigned rehearsals = 0;
    //! What a call takes in a rehearsal; none: all of it.
    std::optional<std::uint64_t> rehearsed_takes;
    //! And gives back of the same.
    std::uint64_t rehearsed_back = 0;
    //! And of other tokens.
    std::vector<chains::TokenMove> rehearsed_others;
    //! What tokens' contracts say of (asset, owner, spender).
    std::function<chains::Holding(const core::AssetId&, const core::Address&, const core::Address&)>
        holds;
    std::optional<core::Error> holding_error;
    std::set<core::Address> contracts;
    std::map<core::Address, std::uint64_t> nonces;
    core::Units station_balance{1'000'000'000};
    core::Units gas_price{10};
    //! How far the node is: a simulation that asks for more is not ready.
    std::uint64_t head = UINT64_MAX;
    //! Takes the bytes and loses the reply.
    bool lose_replies = false;
    //! What is sent cannot be paid for.
    bool answers_unaffordable = false;
    bool unreachable = false;
    std::vector<core::Bytes> sent;
    unsigned simulations = 0;

  private:
    chains::ChainInfo info_;
    bool is_rehearsing_ = false;
};

}  // namespace support
