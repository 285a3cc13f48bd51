#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "chains/ports/sender.hpp"
#include "chains/ports/signer.hpp"
#include "core/expected.hpp"
#include "core/task.hpp"
#include "settlement/context.hpp"
#include "settlement/session_events.hpp"

namespace settlement {

//! When to send the same bytes again, and when to offer more for the same nonce.
struct PayoutPace {
    core::Millis resend_after;
    core::Millis bump_after;
    core::Millis look_again_after{1000};
    //! Longest pause of a payout that cannot go on: each look in vain doubles the pause before the next,
    //! so that a thousand payouts that wait for gas money do not use up what nodes allow to ask.
    core::Millis look_again_at_most{60'000};
    //! Time between two looks at a payment that the chain refused.
    core::Millis refusal_spacing{2000};
    //! Looks in a row at which the chain must refuse a payment before it counts as impossible: one
    //! node's one answer is no verdict.
    unsigned refusals = 3;
    //! A call is never made without its rehearsal. One that cannot be had so often in a row, and for so
    //! long, is as good as a refusal.
    unsigned rehearsals = 20;
    core::Millis rehearsal_patience{30 * 60'000};
    std::size_t in_flight = 8;

    static PayoutPace for_chain(const chains::ChainInfo& chain);
};

//! A step that was final and whose transaction is not on the chain any more.
struct LostStep {
    db::PayoutFull full;
    db::PayoutStep step;
    bool may_bid = false;  //!< offer a higher price, rather than the same bytes only
};

//! Carries payouts of one chain out, one committed step at a time:
//!   planned → reserved (nonce on disk) → signed (bytes on disk) → sent → seen → final
//! Only the driver, from facts, says seen and final. A crash anywhere leaves a row that says what to do
//! next: bytes on disk are sent again as they are, a reserved nonce is signed for. A top-up's nonce
//! once reserved is always used, also when its payout ended meanwhile, so that none is left as a gap.
class Executor {
  public:
    Executor(const Context& context, const chains::ChainInfo& chain, chains::TxSender& sender,
             chains::Signer& signer, std::vector<chains::TxSender*> siblings, PayoutPace pace);

    core::Task<void> run();
    //! Looks at every active payout once; the number looked at.
    core::Task<core::Expected<std::size_t>> pass();
    //! Until the next look, when no commit comes before.
    core::Millis rest() const;

  private:
    core::Task<core::Expected<std::vector<db::PayoutFull>>> active_page(core::PayoutId after);
    core::Task<void> look_at(const std::vector<db::PayoutFull>& payouts);
    core::Task<void> work_through(const std::vector<db::PayoutFull>& payouts, std::size_t& next);
    core::Task<void> look(db::PayoutFull full);
    void pause(core::PayoutId id);
    void end_pauses(std::map<core::PayoutId, core::Address> active);
    core::Task<core::Expected<core::Done>> advance(db::PayoutFull full);
    core::Task<core::Expected<core::Done>> next_step(db::PayoutFull full);
    //! Height of the youngest deposit that the session's payouts stand on.
    core::Task<core::Expected<std::uint64_t>> youngest_claim(const db::Payout& payout);
    core::Task<core::Expected<core::Done>> check_parties(const db::Payout& payout);
    //! Gives the receiver what the step costs, and `gas_to_come` on top while it is at it; reserves
    //! the step's nonce once it has the step's own cost.
    core::Task<core::Expected<core::Done>> fund_and_reserve(db::PayoutFull full, db::PayoutStep step,
                                                            std::uint64_t gas_to_come = 0);
    //! Counts a refusal, and gives up at the last of several in a row.
    core::Task<core::Expected<core::Done>> refused(db::PayoutFull full, std::string reason);
    core::Task<core::Expected<core::Done>> next_of_call(db::PayoutFull full, std::uint64_t height);
    core::Task<core::Expected<core::Done>> allow(db::PayoutFull full, std::uint64_t height);
    core::Task<core::Expected<core::Done>> cannot_allow(db::PayoutFull full, std::uint64_t height,
                                                        std::string reason);
    core::Task<core::Expected<core::Done>> call(db::PayoutFull full, std::uint64_t height);
    //! The call's effects by a rehearsal: one that would not take what it should would not succeed.
    core::Task<core::Expected<chains::Simulation>> rehearse(db::Payout payout,
                                                            std::vector<chains::TxOrder> orders,
                                                            std::uint64_t height);
    core::Task<core::Expected<core::Done>> unrehearsed(db::PayoutFull full, core::Error why);
    //! Ends a delivery that cannot be made; first its allowance, if it gave one.
    core::Task<core::Expected<core::Done>> give_up(db::PayoutFull full, std::string reason);
    //! Holds what gave no allowance; what gave one gives up, because that must not stand meanwhile.
    core::Task<core::Expected<core::Done>> stop(db::PayoutFull full, std::string why);
    //! Takes an allowance back that serves nothing any more, files its end, and what follows from that.
    //! False: nothing of the kind is to be done, the payout may go on.
    core::Task<core::Expected<bool>> end_grants(db::PayoutFull full);
    core::Task<core::Expected<core::Done>> take_back(db::PayoutFull full, db::PayoutStep grant);
    //! Looks at what stands of an allowance. Nothing: files that. Something of one that was not taken back
    //! yet: takes it back.
    core::Task<core::Expected<core::Done>> file_end(db::PayoutFull full, db::PayoutStep grant,
                                                    bool is_open);
    core::Task<core::Expected<core::Done>> fail_call(db::PayoutFull full);
    //! By an operator's word: ends a leftover that the contract took so much of by itself, and plans the rest.
    core::Task<core::Expected<core::Done>> pay_rest(db::PayoutFull full, core::Units missing);
    //! Ends a payout that had nothing to do but to end an allowance.
    core::Task<core::Expected<core::Done>> end_done(db::PayoutFull full);
    //! Why a nonce that was reserved for a call will not be used for it; empty: it will, or may have been.
    core::Task<core::Expected<std::string>> why_not_signed(const db::PayoutFull& full,
                                                           const db::PayoutStep& step);
    //! Uses the nonce up by a transaction that does nothing: what ends an allowance would wait behind it.
    core::Task<core::Expected<core::Done>> fill(db::PayoutFull full, db::PayoutStep step,
                                                std::string why);
    core::Task<core::Expected<core::Done>> go_on_reserved(db::PayoutFull full, db::PayoutStep step);
    //! Height of the youngest of the payout's own transactions that are final. kNotReady when one of them
    //! is not on the chain any more.
    core::Task<core::Expected<std::uint64_t>> youngest_step(const db::PayoutFull& full);
    //! `purpose`: the step that the gas money is for.
    core::Task<core::Expected<core::Done>> top_up(db::PayoutFull full, core::Units missing,
                                                  db::PayoutStep purpose);
    bool may_top_up_further(const db::PayoutFull& full, std::size_t top_ups);
    core::Task<core::Expected<core::Done>> reserve(db::PayoutFull full, db::PayoutStep step,
                                                   db::PayoutStep purpose);
    //! Native coin that the step would cost its sender beyond what that has for it; zero: it has enough.
    core::Task<core::Expected<core::Units>> missing_gas(const db::PayoutFull& full,
                                                        const db::PayoutStep& step,
                                                        const chains::GasPrice& price);
    core::Task<core::Expected<core::Done>> sign(db::PayoutFull full, db::PayoutStep step,
                                                chains::GasPrice price);
    core::Task<core::Expected<core::Done>> sign_reserved(db::PayoutFull full, db::PayoutStep step);
    //! `waits_for`: what keeps the payout besides a block; empty: what the nodes answer tells.
    core::Task<core::Expected<core::Done>> send(db::PayoutFull full, db::PayoutStep step,
                                                db::Attempt attempt, std::string waits_for = {});
    core::Task<core::Expected<core::Done>> keep_going(db::PayoutFull full, db::PayoutStep step);
    //! What it is time for with bytes that are out.
    struct Due {
        bool bid = false;   //!< to offer more for their nonce
        bool send = false;  //!< to send them again
    };
    //! A bid that would be too dear is none: the old bytes stay good.
    core::Task<core::Expected<core::Done>> send_or_bid(db::PayoutFull full, db::PayoutStep step,
                                                       db::Attempt attempt, Due due);
    bool is_to_send_again(const db::Attempt& attempt) const;
    core::Task<core::Expected<bool>> lacks_gas_money(const db::PayoutFull& full,
                                                     const db::PayoutStep& step,
                                                     const db::Attempt& attempt);
    //! Native coin a sender can spend on gas now, by our own books of the chain.
    core::Task<core::Expected<core::Units>> gas_money(const db::Payout& payout);
    //! Sends what was final and left the chain again, once the chain is not halted.
    core::Task<core::Expected<core::Done>> send_lost();
    core::Task<void> send_lost_step(LostStep lost);
    void tell_left_alone(std::size_t count);
    core::Task<core::Expected<core::Done>> wait_for(db::PayoutFull full, std::string why);
    core::Task<core::Expected<core::Done>> impossible(db::PayoutFull full, std::string why);
    core::Task<core::Expected<core::Done>> hold(db::PayoutFull full, std::string why);

    chains::UnsignedTx unsigned_tx(const db::PayoutFull& full, const db::PayoutStep& step,
                                   const chains::GasPrice& price) const;

    const Context& context_;
    const chains::ChainInfo& chain_;
    chains::TxSender& sender_;
    chains::Signer& signer_;
    //! Senders of the other chains of this family, where an address may have code.
    std::vector<chains::TxSender*> siblings_;
    PayoutPace pace_;
    SessionEvents events_;
    // Only pace, no truth: lost at a restart without harm.
    struct Pause {
        core::Tick until;
        unsigned looks = 0;  //!< in vain, one after the other
    };
    std::map<core::PayoutId, Pause> pauses_;
    std::map<core::PayoutId, core::Address> active_;  //!< and their senders, at the last pass
    std::map<core::PayoutId, unsigned> refusals_;
    std::map<core::PayoutId, unsigned> end_refusals_;  //!< of taking an allowance back
    struct TopUpsSeen {
        std::size_t top_ups = 0;
        core::Tick since;
    };
    std::map<core::PayoutId, TopUpsSeen> top_ups_seen_;  //!< of those that wait for a further one
    struct Unrehearsed {
        core::Tick since;
        unsigned tries = 0;
    };
    std::map<core::PayoutId, Unrehearsed> unrehearsed_;
    bool has_work_ = true;  //!< of the last look: something that time or a node moves on
    std::optional<core::Tick> look_for_lost_;
    struct LostSeen {
        core::Tick since;
        std::string waits_for;
    };
    std::map<core::StepId, LostSeen> lost_seen_;
    std::size_t lost_turn_ = 0;
    std::size_t left_alone_told_ = 0;
};

//! Lets a held payout go on, and its session with it. A refund that has failed is planned again, when its
//! session is held for that, no payment of it may yet succeed and the books owe the money still. The payout
//! that goes on: this one, or the new refund. kRefused, and why, when neither is so, or when what is held pays
//! money out that the books owe no more or that another payment may yet take.
core::Task<core::Expected<core::PayoutId>> resume_payout(const Context& context, core::PayoutId id);

}  // namespace settlement
