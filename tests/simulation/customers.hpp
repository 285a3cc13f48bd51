#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/simulation/ask.hpp"
#include "tests/simulation/auditor.hpp"
#include "tests/simulation/order.hpp"
#include "tests/simulation/world.hpp"

namespace simulation {

//! Merchants who open sessions and payers who pay them: in full, in parts, too much, too little, too
//! late, twice, in the wrong token, or not at all. They know the API and the chains.
class Customers {
  public:
    Customers(World& world, Auditor& auditor, unsigned orders_per_day);

    //! From now on new orders come, until close().
    void open();
    void close() { is_open_ = false; }
    //! Reads every order once more.
    void ask_about_all();
    std::deque<Order>& orders() { return orders_; }
    std::deque<Terms>& terms() { return terms_; }

  private:
    struct Instalment {
        core::Millis after{0};  //!< the address is known
        Asset asset = kNative;
        core::Units units;
        bool fails = false;
        bool by_contract = false;
    };
    struct Plan {
        std::vector<Instalment> payments;
        std::string name;
    };

    void open_accounts();
    void next_order();
    Plan plan(const Order& order);
    void create(Order& order, unsigned attempt);
    //! What was created already: the same key and body must give the same session.
    void create_again(Order& order);
    Question creation_of(const Order& order) const;
    void choose_method(Order& order, unsigned attempt);
    void pay(Order& order);
    void read(Order& order, std::function<void()> then = {});
    void read_now_and_then(Order& order);
    void nudge(Order& order);
    core::Address fresh_address();
    core::Units amount(Asset asset);

    World& world_;
    Auditor& auditor_;
    Random rng_;
    core::Millis pause_;
    bool is_open_ = false;
    std::deque<Terms> terms_;
    std::deque<Order> orders_;
    std::map<std::size_t, Plan> plans_;
};

}  // namespace simulation
