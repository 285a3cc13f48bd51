#pragma once

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

//! Mistakes that a programmer could make in this daemon, for the simulation to find. defects.patch puts each
//! where it would be made, into a copy of the sources (scripts/planted); the daemon itself has none of this.
#define PLANTED(name) (::planted::current() == ::planted::Defect::name)

#define DEPOSITD_DEFECTS(X)                                                                        \
    X(credits_what_is_only_seen, "a deposit is credited in the block in which it is seen")         \
    X(credits_on_one_word, "a deposit is credited without the other endpoints")                    \
    X(head_is_final, "the head is taken for the final block")                                      \
    X(one_word_makes_final, "one endpoint's word makes a block final")                             \
    X(one_endpoint_is_a_quorum, "one answer is a quorum")                                          \
    X(empty_logs_believed, "no logs are believed without asking the bloom filter")                 \
    X(blocks_that_fail_are_skipped, "a block that cannot be read is passed as empty, twice")       \
    X(parent_not_checked, "a block is taken without looking whether it follows the last one")      \
    X(walks_back_one_block_short, "after a reorganisation the first lost block's deposits stay")   \
    X(deposits_of_lost_blocks_kept, "after a reorganisation no deposit is taken back")             \
    X(payouts_of_lost_blocks_kept, "after a reorganisation no payout is taken back")               \
    X(status_of_deposits_ignored, "a failed transaction's coin counts as a deposit")               \
    X(any_contract_is_a_token, "any contract's transfers count as the first token's")              \
    X(keyed_by_log_number_in_block, "a deposit is known by its log's number in the block")         \
    X(watched_addresses_not_refreshed, "new receivers are watched from the next start on only")    \
    X(our_clock_instead_of_block_time, "a deposit is dated by our clock")                          \
    X(deadline_by_our_clock, "a session expires by our clock, however far the blocks are read")    \
    X(deadline_forgets_the_unconfirmed, "at the deadline only confirmed money counts as there")    \
    X(only_the_last_deposit_counts, "a session has what the last deposit brought")                 \
    X(any_amount_is_enough, "any amount is enough")                                                \
    X(tolerance_ignored, "not a unit less than asked is enough")                                   \
    X(tolerance_rounded_down, "the least that is enough is rounded down")                          \
    X(late_deposits_count, "what comes after the deadline counts")                                 \
    X(any_token_pays, "any token pays for a session")                                              \
    X(excess_delivered, "what is over is delivered where it should go back")                       \
    X(over_returned, "what is over goes back where it should be delivered")                        \
    X(excess_forgotten, "what is over stays where it is")                                          \
    X(more_than_asked_kept, "no more than asked is delivered, and nothing is over")                \
    X(strays_forgotten, "what belongs to no outcome is not returned")                              \
    X(strays_kept, "what belongs to no outcome is kept on the books, however much it is")          \
    X(strays_planned_twice, "what belongs to no outcome is returned twice")                        \
    X(final_sessions_count_on, "a session that is over goes on counting deposits")                 \
    X(succeeded_before_it_is_final, "a session is told to have succeeded while it delivers")       \
    X(mined_payouts_are_final, "a payout is final as soon as it is mined")                         \
    X(accepted_means_final, "a payout is final as soon as a node takes it")                        \
    X(failed_payouts_are_good, "a payout that was mined and failed is taken for delivered")        \
    X(failed_call_is_a_refusal, "a call that fails on its way is taken for a refusal")             \
    X(refunds_go_to_the_payer, "a refund goes to whoever paid")                                    \
    X(new_nonce_after_a_timeout, "an unclear answer to a send means that it is dead")              \
    X(nonce_too_low_means_dead, "\"nonce too low\" means that the payout is dead")                 \
    X(nonce_by_one_word, "one endpoint tells the next nonce")                                      \
    X(sent_before_it_is_stored, "a transaction is sent before it is stored")                       \
    X(only_the_newest_bid_is_known, "of several bids for a nonce only the last is remembered")     \
    X(bids_five_percent_more, "a bid is raised by five percent, which no node takes")              \
    X(never_bids_more, "a bid is never raised")                                                    \
    X(sent_once_and_forgotten, "a transaction is sent once")                                       \
    X(fee_cap_ignored, "the operator's cap on fees is ignored")                                    \
    X(gas_money_forgotten, "a receiver gets no gas money")                                         \
    X(gas_money_too_little, "a receiver gets half of the gas money that it lacks")                 \
    X(gas_money_tenfold, "a receiver gets ten times the gas money that it lacks")                  \
    X(gas_money_not_on_the_books, "a receiver's gas money is not on the books")                    \
    X(deposits_spent_on_gas, "customers' coin counts as gas money")                                \
    X(halts_stop_nothing, "payouts go on while they are halted")                                   \
    X(facts_marked_before_applied, "facts are marked as applied before they are")                  \
    X(comparison_forgets_what_is_mined, "books are compared without what is mined but not final")  \
    X(commits_not_synced, "a commit is not on the disk when it is told")                           \
    X(failed_commits_not_noticed, "a commit that failed is taken for done")                        \
    X(idempotency_key_ignored, "the same request again makes another session")                     \
    X(receiver_numbers_come_again, "the numbers of receivers begin again after twenty")             \
    X(receiver_of_the_last_session, "a session gets the receiver of the one before it")            \
    X(amounts_told_in_18_decimals, "all amounts are told as if they had 18 decimals")              \
    X(any_answer_means_taken, "a webhook is taken, whatever its receiver answers")                 \
    X(webhooks_given_up_at_once, "a webhook that was not taken is not sent again")                 \
    X(what_was_taken_not_written_down, "that a webhook was taken is not written down")

namespace planted {

#define DEPOSITD_DEFECT_NAME(name, what) name,
enum class Defect { none, DEPOSITD_DEFECTS(DEPOSITD_DEFECT_NAME) };
#undef DEPOSITD_DEFECT_NAME

struct Description {
    std::string_view name;
    std::string_view what;
};
const std::vector<Description>& all();

//! Switches on this one and no other; "" none. False: there is no such defect.
bool plant(std::string_view name);
Defect current();

//! Heights that blocks_that_fail_are_skipped passed, for the second reading to pass them too. Of this
//! world: forgotten when a defect is planted.
std::set<std::uint64_t>& skipped_blocks();

}  // namespace planted
