#include "api/pay_view.hpp"

#include "api/impl/html.hpp"
#include "api/impl/names.hpp"
#include "api/impl/pay_files.hpp"
#include "api/impl/pay_words.hpp"
#include "api/impl/payment_uri.hpp"
#include "core/check.hpp"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <optional>

namespace api {
namespace {

using impl::Html;
using impl::Names;
using impl::PayPhase;
using impl::PayWords;

//! Tags of ours around anything.
Html element(const char* open, const Html& content, const char* close) {
    return Html::markup(open) + content + Html::markup(close);
}

std::string display_text(const nlohmann::json& display, const char* key) {
    const auto at = display.find(key);
    return at != display.end() && at->is_string() ? at->get<std::string>() : std::string{};
}

//! A link to the explorer of the chain, or the bare hash where none is known.
Html tx_link(const Chains& chains, const core::ChainId& chain, const core::TxId& tx) {
    const std::string hash = chains.format_tx(chain, tx);
    const std::string brief =
        hash.size() > 20 ? hash.substr(0, 10) + "…" + hash.substr(hash.size() - 8) : hash;
    const auto known = chains.by_id(chain);
    if (!known || known->explorer_url.empty()) {
        return element("<code>", Html::text(hash), "</code>");
    }
    return Html::markup("<a rel=\"noopener noreferrer\" target=\"_blank\" href=\"") +
           Html::text(known->explorer_url + "/tx/" + hash) + Html::markup("\">Transaction ") +
           Html::text(brief) + Html::markup("</a>");
}

//! A row of a list of terms, with a button that copies its value.
Html copy_row(const char* term, const char* id, const Html& shown, const Html& after) {
    const std::string name = term;
    return Html::markup("<dt>" + name + "</dt><dd><span><code id=\"" + id + "\">") + shown +
           Html::markup("</code>") + after +
           Html::markup("</span><button type=\"button\" id=\"copy-" + std::string{id} +
                        "\" data-copy=\"" + id + "\" data-name=\"" + name +
                        "\" aria-label=\"Copy the " + id + "\">Copy</button></dd>\n");
}

Html plain_row(const char* term, const Html& value) {
    return Html::markup("<dt>" + std::string{term} + "</dt><dd><span>") + value +
           Html::markup("</span></dd>\n");
}

Html order_line(const SessionFacts& facts, const Names& names, const nlohmann::json& display) {
    const session::Destination& wanted = facts.row.session.destination;
    const Html verb = element("<bdi>", Html::text(display_text(display, "verb")), "</bdi> ");
    if (wanted.units) return verb + Html::text(names.amount(wanted.asset, *wanted.units));
    nlohmann::json token;
    names.put_token(token, wanted.asset);
    return verb + Html::text("any amount of " + token["tokenSymbol"].get<std::string>());
}

//! Times are in UTC until the script says them in the time of the place.
std::string time_markup(core::Instant at) {
    return "<time datetime=\"" + impl::time_iso(at) + "\">" + impl::time_words(at) + "</time>";
}

Html clock_line(const SessionFacts& facts, PayPhase phase) {
    if (phase != PayPhase::kPay && phase != PayPhase::kChoose) return {};
    const core::Instant until = facts.row.session.expires_at;
    return Html::markup("<p><span id=\"countdown\" role=\"timer\" data-until=\"" +
                        std::to_string(until.unix_seconds()) + "\">Pay </span>until " +
                        time_markup(until) + "</p>\n");
}

Html choose_part() {
    return Html::markup(
        "<noscript><p>This page needs JavaScript once, to ask for the address. Afterwards it works "
        "without.</p></noscript>\n"
        "<button type=\"button\" id=\"choose\" class=\"main\" hidden>Show the address</button>\n");
}

//! How to pay: the code for wallets that scan, the link for wallets on this device, and all of it
//! in text.
Html address_part(const SessionFacts& facts, const Chains& chains) {
    const Names names{chains};
    const core::AssetId& asset = facts.row.session.destination.asset;
    const auto units = impl::missing(facts);
    const auto token = chains.token(asset);
    const auto chain = chains.by_id(asset.chain());
    const std::string address = names.address(asset.chain(), facts.receiver->address);
    const std::string chain_name = names.chain_name(asset.chain());
    nlohmann::json named;
    names.put_token(named, asset);
    const std::string symbol = named["tokenSymbol"].get<std::string>();
    const std::string contract = named["tokenAddress"].get<std::string>();

    if (!chain) {
        return Html::markup(
            "<p>This network cannot be paid on at the moment. Please send nothing, and "
            "contact the shop.</p>\n");
    }
    const Html what = units ? Html::text(names.amount(asset, *units)) : Html::text(symbol);
    Html out = Html::markup("<p>Send <strong>") + what + Html::markup("</strong> on <strong>") +
               Html::text(chain_name) +
               Html::markup(
                   "</strong> to the address below. Another coin or another network cannot "
                   "pay for this.</p>\n");
    impl::PaymentRequest request{chain->number, address, {}, units};
    if (!asset.is_native()) request.token = contract;
    const std::string uri = impl::payment_uri(request);
    out +=
        Html::markup("<div class=\"qr\">" +
                     impl::qr_svg(uri, "Payment code, to scan with a wallet") + "</div>\n<dl>\n");
    out += copy_row("Address", "address", Html::text(address), {});
    if (units && token) {
        out += copy_row("Amount", "amount", Html::text(units->token_decimal(token->decimals)),
                        Html::text(" " + symbol));
    }
    out += plain_row("Network", Html::text(chain_name));
    if (!asset.is_native()) {
        // People have sent money to the contract of a token.
        out += plain_row("Token",
                         Html::text(symbol) +
                             Html::markup(" <span class=\"quiet\">Its contract, where nothing must "
                                          "be sent: <code>") +
                             Html::text(contract) + Html::markup("</code></span>"));
    }
    return out + Html::markup("</dl>\n<a class=\"wallet\" id=\"wallet\" href=\"") +
           Html::text(uri) + Html::markup("\">Open in a wallet</a>\n");
}

//! What came of the money, once that is final.
Html receipt_part(const SessionFacts& facts, const Chains& chains) {
    const Names names{chains};
    const db::SessionRow& row = facts.row;
    const bool delivered = row.session.state == session::State::kDelivered;
    const bool refunded = row.session.state == session::State::kRefunded;
    if (!delivered && !refunded) return {};
    const core::AssetId& asset = refunded && row.session.funding ? row.session.funding->asset
                                                                 : row.session.destination.asset;
    Html out = Html::markup("<h3>Receipt</h3>\n<dl>\n");
    if (const auto paid = paid_so_far(facts)) {
        out += plain_row("You sent", Html::text(names.amount(paid->asset, paid->units)));
    }
    if (row.outcome_units) {
        out += plain_row(delivered ? "Delivered" : "Returned",
                         Html::text(names.amount(asset, *row.outcome_units) + " on " +
                                    names.chain_name(asset.chain())));
    }
    if (row.outcome_tx) {
        out += plain_row("Proof", tx_link(chains, asset.chain(), *row.outcome_tx));
    }
    out += plain_row("Reference", element("<code>", Html::text(row.session.id.text()), "</code>"));
    return out + Html::markup("</dl>\n");
}

Html transfers_part(const SessionFacts& facts, const Chains& chains) {
    if (facts.deposits.empty()) return {};
    const Names names{chains};
    Html out = Html::markup("<h3>What arrived</h3>\n<ul>\n");
    for (const db::Deposit& deposit : facts.deposits) {
        out += Html::markup("<li><strong>") +
               Html::text(names.amount(deposit.asset, deposit.units)) +
               Html::markup("</strong> on ") + Html::text(names.chain_name(deposit.chain)) +
               Html::markup(", " + time_markup(deposit.mined_at) + "<br>") +
               Html::text(impl::deposit_words(deposit, facts.row.session));
        if (!deposit.tx.empty()) {
            out += Html::markup("<br>") + tx_link(chains, deposit.chain, deposit.tx);
        }
        out += Html::markup("</li>\n");
    }
    if (const std::uint64_t more = count_others(facts); more > 0) {
        out += element("<li>", Html::text("And " + std::to_string(more) + " more."), "</li>\n");
    }
    return out + Html::markup("</ul>\n");
}

std::string mood_name(impl::Mood mood) {
    switch (mood) {
        case impl::Mood::kWait: return "wait";
        case impl::Mood::kGood: return "good";
        case impl::Mood::kBad: return "bad";
    }
    core::check_failed("Mood is known", __FILE__, __LINE__);
}

std::string source_hash(std::string_view text) {
    std::array<std::uint8_t, 32> digest{};
    const int made =
        EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr);
    CHECK(made == 1, "SHA-256");
    std::array<std::uint8_t, 48> encoded{};
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), digest.size());
    return "'sha256-" + std::string{encoded.begin(), encoded.begin() + length} + "'";
}

//! The messages of the API are for who wrote the shop.
const char* problem_words(int status) {
    if (status == 404) {
        return "There is no payment with this link. Please go back to the shop and open it again.";
    }
    if (status == 429) {
        return "This page was asked for too often. Please wait a moment, and load it again.";
    }
    if (status < 500) {
        return "This link is not complete, or not right. Please go back to the shop and open the "
               "payment again.";
    }
    return "Something failed on our side. Nothing is lost: please load this page again in a "
           "moment.";
}

Html embedded(std::string_view ours) { return Html::markup(std::string{ours}); }

}  // namespace

std::string pay_page(const SessionFacts& facts, const Chains& chains, core::Instant now) {
    const Names names{chains};
    const PayWords words = impl::pay_words(facts, chains, now);
    const auto display = nlohmann::json::parse(facts.row.display_json, nullptr, false);
    CHECK(display.is_object(), "what is stored for display is an object");
    const bool done = words.phase == PayPhase::kDone;
    const std::string theme = display_text(display, "themeMode");
    Html payment;
    if (words.phase == PayPhase::kChoose) payment = choose_part();
    if (words.phase == PayPhase::kPay) payment = address_part(facts, chains);
    // Without a script the page comes again by itself.
    const char* reload =
        done ? "" : "<noscript><meta http-equiv=\"refresh\" content=\"15\"></noscript>\n";
    return impl::fill_page(pay_page_html(),
                           {{"theme", Html::text(theme.empty() ? "system" : theme)},
                            {"title", Html::text(display_text(display, "title"))},
                            {"reload", Html::markup(reload)},
                            {"style", embedded(pay_page_css())},
                            {"script", embedded(pay_page_js())},
                            {"now", Html::text(std::to_string(now.unix_seconds()))},
                            {"final", Html::markup(done ? "true" : "false")},
                            {"order", order_line(facts, names, display)},
                            {"state", Html::text(mood_name(words.mood))},
                            {"status", element("<h2>", Html::text(words.headline), "</h2>\n") +
                                           element("<p>", Html::text(words.detail), "</p>\n")},
                            {"clock", clock_line(facts, words.phase)},
                            {"payment", payment},
                            {"receipt", receipt_part(facts, chains)},
                            {"transfers", transfers_part(facts, chains)}});
}

std::string pay_problem_page(int status) {
    return impl::fill_page(pay_problem_html(), {{"style", embedded(pay_page_css())},
                                                {"message", Html::text(problem_words(status))}});
}

std::string pay_page_policy() {
    return "default-src 'none'; script-src " + source_hash(pay_page_js()) + "; style-src " +
           source_hash(pay_page_css()) +
           "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

}  // namespace api
