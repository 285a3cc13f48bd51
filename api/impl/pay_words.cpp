#include "api/impl/pay_words.hpp"

#include "api/impl/names.hpp"
#include "core/check.hpp"

#include <array>
#include <chrono>
#include <cstdint>

namespace api::impl {
namespace {

using session::State;

PayWords seen_words(const SessionFacts& facts, const Names& names) {
    const auto paid = paid_so_far(facts);
    return {PayPhase::kWorking, Mood::kWait, "Your payment was seen",
            (paid ? names.amount(paid->asset, paid->units) + " arrived. " : "") +
                "It is waiting for the network to confirm it. There is nothing more for you to "
                "do."};
}

//! What becomes of money that cannot pay.
std::string money_back(const session::Session& session) {
    return session.refund_address
               ? "What becomes of the money is told below. Please send nothing more."
               : "It cannot be sent back, because there is no address to return it to: please "
                 "contact the shop, and send nothing more.";
}

PayWords waiting_words(const SessionFacts& facts, const Names& names, core::Instant now) {
    const session::Session& session = facts.row.session;
    const auto paid = paid_so_far(facts);
    // It is on the chain; the session will be told within a moment.
    if (paid_enough(facts)) return seen_words(facts, names);
    if (now >= session.expires_at) {
        return {PayPhase::kTimeUp, Mood::kWait, "The time to pay is over",
                "Please send nothing more. We are checking whether a payment came in time; this "
                "takes a moment."};
    }
    if (!facts.receiver) {
        return {PayPhase::kChoose, Mood::kWait, "Ready when you are", "No address is shown yet."};
    }
    const auto rest = missing(facts);
    if (paid && rest) {
        return {PayPhase::kPay, Mood::kWait,
                "Part of the money has arrived: " + names.amount(session.destination.asset, *rest) +
                    " is missing",
                names.amount(paid->asset, paid->units) +
                    " came so far. Send the rest to the same address before the time is over" +
                    (session.refund_address
                         ? ", or what came is returned."
                         : ": what came cannot be returned, because there is no address to return "
                           "it to.")};
    }
    if (!paid && any_money(facts)) {
        return {PayPhase::kPay, Mood::kBad, "What arrived cannot pay for this",
                "The coin or the network was another one; it is listed below. The payment itself "
                "is still open."};
    }
    if (!paid && !facts.deposits.empty()) {
        return {PayPhase::kPay, Mood::kBad, "The network took your transfer back",
                "Mostly it comes again by itself within minutes. Look into your wallet before you "
                "send anything a second time."};
    }
    return {PayPhase::kPay, Mood::kWait, "Waiting for your payment",
            "Nothing has arrived yet. This page tells you when it has."};
}

PayWords held_words(session::Reason reason) {
    const char* why = reason == session::Reason::kNoRefundAddress
                          ? "It could not be delivered, and there is no address to return it to. "
                          : "Something has to be looked at first. ";
    return {PayPhase::kWorking, Mood::kBad, "Your money is safe, but stopped for a check",
            std::string{why} + "Please contact the shop; there is no need to pay again."};
}

std::string return_cause(session::Reason reason) {
    if (reason == session::Reason::kUnderpaidAtDeadline) {
        return "Less than asked for came before the time was over. ";
    }
    if (reason == session::Reason::kDeliveryImpossible) {
        return "The receiving side refused the payment. ";
    }
    return "The payment could not be delivered. ";
}

//! Of an amount that was asked for: what came above it.
std::optional<core::Units> overpaid(const session::Session& session) {
    if (!session.funding || !session.destination.units) return std::nullopt;
    if (session.funding->asset != session.destination.asset) return std::nullopt;
    auto over = session.funding->received.minus(*session.destination.units);
    if (!over || over->is_zero()) return std::nullopt;
    return *over;
}

std::string delivered_detail(const db::SessionRow& row, const Names& names) {
    const session::Session& session = row.session;
    // A contract that was called may leave a part.
    if (session.funding && row.outcome_units && *row.outcome_units < session.funding->to_deliver) {
        const std::string taken =
            "The shop took " + names.amount(session.funding->asset, *row.outcome_units) + ". ";
        if (session.refund_address) return taken + "The rest is returned.";
        return taken +
               "The rest is kept, because there is no address to return it to: please contact the "
               "shop.";
    }
    const auto over = overpaid(session);
    if (!over) return "You can close this page.";
    const std::string more =
        names.amount(session.funding->asset, *over) + " more than asked for arrived. ";
    if (session.funding->excess.is_zero()) return more + "All of it was delivered to the shop.";
    if (session.refund_address) return more + "That part is returned.";
    return more +
           "That part is kept, because there is no address to return it to: please contact "
           "the shop.";
}

PayWords final_words(const SessionFacts& facts, const Names& names) {
    const session::Session& session = facts.row.session;
    switch (session.state) {
        case State::kDelivered:
            return {PayPhase::kDone, Mood::kGood, "Paid", delivered_detail(facts.row, names)};
        case State::kRefunded:
            return {PayPhase::kDone, Mood::kBad, "Not paid: the money was returned",
                    return_cause(session.reason) + "To pay, start again in the shop."};
        case State::kCancelled:
            return {PayPhase::kDone, Mood::kBad, "This payment was cancelled",
                    "Please send nothing."};
        default: break;
    }
    if (late_money(facts)) {
        return {PayPhase::kDone, Mood::kBad, "Your payment came too late",
                "The time was over when it arrived. " + money_back(session)};
    }
    if (any_money(facts)) {
        return {PayPhase::kDone, Mood::kBad, "What arrived could not pay for this",
                "The coin or the network was another one, and the time is over. " +
                    money_back(session)};
    }
    return {PayPhase::kDone, Mood::kBad, "The time to pay is over",
            "No payment arrived. Please send nothing more, and start again in the shop."};
}

}  // namespace

PayWords pay_words(const SessionFacts& facts, const Chains& chains, core::Instant now) {
    const Names names{chains};
    const session::Session& session = facts.row.session;
    if (session::is_final(session.state)) return final_words(facts, names);
    switch (session.state) {
        case State::kDetected: return seen_words(facts, names);
        case State::kDelivering:
            return {PayPhase::kWorking, Mood::kGood, "Your payment is confirmed",
                    "It is being delivered. There is nothing more for you to do."};
        case State::kRefunding:
            return {PayPhase::kWorking, Mood::kBad, "Your money is being returned",
                    return_cause(session.reason) + "Please send nothing more."};
        case State::kHeld: return held_words(session.reason);
        default: return waiting_words(facts, names, now);
    }
}

std::optional<core::Units> missing(const SessionFacts& facts) {
    const session::Destination& wanted = facts.row.session.destination;
    if (!wanted.units) return std::nullopt;
    const auto paid = paid_so_far(facts);
    // Deposits of one asset never add up with those of another.
    const bool same = paid && paid->asset == wanted.asset;
    auto rest = wanted.units->minus(same ? paid->units : core::Units{});
    if (!rest || rest->is_zero()) return std::nullopt;
    return *rest;
}

std::string deposit_words(const db::Deposit& deposit, const session::Session& session) {
    if (deposit.status == db::DepositStatus::kOrphaned) {
        return "Taken back by the network: it does not count.";
    }
    if (deposit.claim) {
        switch (*deposit.claim) {
            case db::ClaimUse::kDelivery:
                return session.state == State::kHeld ? "Is kept until the check is done."
                                                     : "Pays for this.";
            case db::ClaimUse::kRefund:
                return session.state == State::kRefunded ? "Was returned." : "Is to be returned.";
            case db::ClaimUse::kStray: return "Cannot pay for this: it is sent back.";
            case db::ClaimUse::kBooked:
                return "Cannot pay for this, and is too little to send back.";
            case db::ClaimUse::kHeld:
                return "Cannot pay for this and is kept: please contact the shop.";
        }
        core::check_failed("ClaimUse is known", __FILE__, __LINE__);
    }
    if (deposit.mined_at > session.expires_at) return "Came after the time was over.";
    if (!pays(deposit, session)) return "Another coin or network: it cannot pay for this.";
    return deposit.status == db::DepositStatus::kConfirmed ? "Confirmed."
                                                           : "Seen, not confirmed yet.";
}

namespace {

std::chrono::sys_seconds seconds_of(core::Instant at) {
    return std::chrono::sys_seconds{std::chrono::seconds{at.unix_seconds()}};
}

std::string two_digits(std::int64_t number) {
    const std::string text = std::to_string(number);
    return text.size() < 2 ? "0" + text : text;
}

struct DateTime {
    explicit DateTime(core::Instant at)
        : date{std::chrono::floor<std::chrono::days>(seconds_of(at))},
          time{seconds_of(at) - std::chrono::floor<std::chrono::days>(seconds_of(at))} {}
    int year() const { return static_cast<int>(date.year()); }
    unsigned month() const { return static_cast<unsigned>(date.month()); }
    unsigned day() const { return static_cast<unsigned>(date.day()); }
    std::string hours_minutes() const {
        return two_digits(time.hours().count()) + ":" + two_digits(time.minutes().count());
    }
    std::chrono::year_month_day date;
    std::chrono::hh_mm_ss<std::chrono::seconds> time;
};

}  // namespace

std::string time_words(core::Instant at) {
    static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const DateTime when{at};
    return std::to_string(when.day()) + " " + kMonths.at(when.month() - 1) + " " +
           std::to_string(when.year()) + ", " + when.hours_minutes() + " UTC";
}

std::string time_iso(core::Instant at) {
    const DateTime when{at};
    return std::to_string(when.year()) + "-" + two_digits(when.month()) + "-" +
           two_digits(when.day()) + "T" + when.hours_minutes() + ":" +
           two_digits(when.time.seconds().count()) + "Z";
}

}  // namespace api::impl
