#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "tests/simulation/told.hpp"
#include "tests/simulation/order.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! Holds what the daemon does against what is true. It sees the chains as they are, what reaches the
//! nodes, and what the API says; never the database, and nothing inside the daemon.
//!
//! Rules are named by the invariants of docs/TESTING.md: I1 … I19.
class Auditor {
  public:
    //! Without an honest majority of nodes the daemon may believe what is not so, and halt; but it must
    //! not pay twice, nor pay strangers: only those rules are held against it then.
    Auditor(World& world, bool has_honest_majority);

    // ---- what happens

    void promised(const Order& order);
    //! The API named an address to pay to.
    void issued(const Order& order);
    //! The API spoke of an order: `session` is its object. Notes the status in the order.
    void heard(Order& order, const nlohmann::json& session);
    //! Somebody was told of an order, as it was a while ago: `session` is its object then.
    void overheard(const Order& order, const nlohmann::json& session);
    //! Somebody was told of a deposit of the order that it is confirmed.
    void overheard_confirmed(const Order& order, const nlohmann::json& deposit);
    //! A request with transactions reached a node.
    void sent(std::size_t place, std::string_view body);
    //! A block was mined: checks all that became final.
    void mined(std::size_t place);
    //! What was final above this height is about to leave the chain. Orders whose money moves there are held to
    //! fewer rules from now on; the place must halt its payouts.
    void finality_breaks(std::size_t place, std::uint64_t fork);
    //! It has: what became final is looked at afresh.
    void finality_broke(std::size_t place);
    //! The operator's status page.
    void heard_status(const nlohmann::json& status);
    //! A line of the daemon's log: since it says that payouts are halted they have to be.
    void heard_line(std::string_view line);
    //! The operator is about to let payouts go on.
    void acknowledges(const std::string& chain);

    // ---- at the end

    //! Has everything come to rest as it should? What each order says, which must have been read just
    //! now, against the final blocks; what is not so (yet), in words.
    std::vector<std::string> complaints();
    //! Makes them violations.
    void judge();

    bool is_held_to(std::string_view rule, const Order* order) const;
    //! For those who judge what this one does not see. `order` may be null.
    void violated(std::string_view rule, const Order* order, const std::string& what);

    const std::vector<std::string>& violations() const { return violations_; }
    //! Money that arrived at destinations and refund addresses, and how often.
    std::uint64_t deliveries() const;
    std::uint64_t returns() const;

  private:
    struct Deposit {
        core::TxId tx;
        Asset asset = kNative;
        core::Units units;
        core::Instant mined_at;
        core::Address from;
        friend auto operator<=>(const Deposit&, const Deposit&) = default;
    };
    //! What became final about one order.
    struct Account {
        const Order* order = nullptr;
        std::vector<Deposit> deposits;
        Sums in;
        Sums out;
        Sums delivered;
        unsigned delivery_count = 0;
        unsigned return_count = 0;
        Sums returned;
        core::Units gas;
        bool was_final_no_more = false;  //!< some of its money was, and left the chain
    };
    enum class Part { kReceiver, kDestination, kRefund };
    struct Role {
        std::size_t order;
        Part part;
    };
    struct Content {
        core::Address to;
        std::string value_and_data;
        friend bool operator==(const Content&, const Content&) = default;
    };

    void became_final(std::size_t place, const Moved& move);
    void paid_out(Account& account, const Moved& move);
    void record(std::string violation);
    void check_agreed(const Order& order, const nlohmann::json& session);
    void check_delivery_told(const Order& order, const nlohmann::json& session);
    void check_deposits_told(const Order& order, const nlohmann::json& session);
    void check_amount_told(const Order& order, const core::Address& to, const core::TxId& tx,
                           std::uint64_t height, const nlohmann::json& delivery);
    void check_refused(std::size_t place, const core::TxId& id, core::ByteView raw);
    void check_identity(std::size_t place, const core::Address& from, std::uint64_t nonce, Content content);
    void check_gas_money(const Moved& move);
    void check_bid(std::size_t place, const Tx& tx);
    void check_only_one_lives(std::size_t place, const Tx& tx, const std::string& what);
    void complain_of_what_waits();
    void complain_of_gas_money();
    void judge_one(Account& account, const nlohmann::json& session);
    void judge_outcome(Account& account, const nlohmann::json& session);
    void judge_delivered(const Account& account, const core::Units& used);
    void judge_deposits(Account& account, const nlohmann::json& session);
    void complain(std::string_view rule, const Order& order, const std::string& what);

    World& world_;
    bool has_honest_majority_;
    core::Address gas_station_;
    std::map<std::size_t, Account> orders_;
    std::map<core::Address, Role> roles_;
    std::vector<std::uint64_t> audited_;  //!< by place: the last height that was looked at
    std::map<std::tuple<std::size_t, core::Address, std::uint64_t>, Content> identities_;
    std::set<core::TxId> refused_;  //!< seen by nodes, and taken by none so far
    struct Bid {
        core::TxId id;
        std::uint64_t fee_max;
        std::uint64_t tip_max;
    };
    std::map<std::tuple<std::size_t, core::Address, std::uint64_t>, std::vector<Bid>> bids_;
    //! The nonces with which something was signed, by what it is.
    std::map<std::tuple<std::size_t, core::Address, std::string>, std::set<std::uint64_t>> signed_;
    std::vector<std::string> violations_;
    std::vector<std::string> complaints_;
    std::map<std::size_t, core::Instant> halted_since_;  //!< by place; not acknowledged
    std::set<std::size_t> broken_;       //!< places whose finality broke
    std::set<std::size_t> halted_;       //!< of those, where payouts were halted
};

}  // namespace simulation
