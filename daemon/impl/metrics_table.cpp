#include <sstream>

#include "daemon/metrics_sink.hpp"

namespace depositd {

namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;

constexpr MetricSpec kMetrics[] = {
    {"depositd_build_info", kGauge, "1", "version", "Always 1; the label says which version runs."},
    {"depositd_ready", kGauge, "0 or 1", "", "Whether every part of the daemon is ready."},
    {"depositd_component_ready", kGauge, "0 or 1", "component", "Whether this part is ready."},

    {"depositd_rpc_requests_total", kCounter, "calls", "chain, endpoint, method, outcome",
     "Calls to nodes, by what came of them: ok, or what was wrong with the answer."},
    {"depositd_rpc_seconds", kHistogram, "seconds", "chain, endpoint", "Time of one exchange with a node."},
    {"depositd_endpoint_healthy", kGauge, "0 or 1", "chain, endpoint",
     "0 while an endpoint is left alone or quarantined."},
    {"depositd_endpoint_quarantined", kGauge, "0 or 1", "chain, endpoint",
     "1 while an endpoint is not asked at all: it serves another chain, or its lie was proven."},
    {"depositd_endpoint_doubts_total", kCounter, "answers", "chain, endpoint, reason",
     "Answers that the other endpoints or the block's header speak against. It is asked last for a while. "
     "The reasons: malformed (unreadable, or of another block), unknown (knows nothing of what others know), "
     "failing (errors where others answer), behind and ahead (its head, or its final block, is not where the "
     "others' is), incomplete and invented (logs that the receipts contradict), outvoted (others agree on "
     "something else), price (of gas, far above the others')."},

    {"depositd_http_connections", kGauge, "connections", "listener", "Open connections."},
    {"depositd_http_refused_total", kCounter, "connections", "listener, reason",
     "Connections and requests turned away before a handler saw them."},
    {"depositd_http_request_seconds", kHistogram, "seconds", "listener",
     "Time from the last byte of a request to the answer."},
    {"depositd_http_requests_total", kCounter, "requests", "listener, class",
     "Answered requests by class of status: 2xx, 4xx, 5xx."},
    {"depositd_event_streams", kGauge, "streams", "",
     "Pages and programs that are told of a session's changes while they happen."},

    {"depositd_chain_head_height", kGauge, "height", "chain", "Head of the node at the last look."},
    {"depositd_chain_cursor_height", kGauge, "height", "chain", "Last block read and committed."},
    {"depositd_chain_final_height", kGauge, "height", "chain", "Highest block taken for final."},
    {"depositd_blocks_scanned_total", kCounter, "blocks", "chain", "Blocks read and committed."},
    {"depositd_second_reading_blocks_total", kCounter, "blocks", "chain",
     "Final blocks that were read once more, from another endpoint than the first time."},
    {"depositd_second_reading_found_total", kCounter, "deposits", "chain, endpoint",
     "Deposits that only the second reading found. The endpoint is the one that had hidden them."},
    {"depositd_scan_seconds", kHistogram, "seconds", "chain", "Time to read one block or one range."},
    {"depositd_reorgs_total", kCounter, "reorgs", "chain", "Times the chain was rewritten."},
    {"depositd_reorg_depth", kHistogram, "blocks", "chain", "How many of our blocks a rewrite took."},
    {"depositd_finality_violations_total", kCounter, "violations", "chain",
     "Final blocks or credited deposits that left the chain. Payouts halt until acknowledged."},
    {"depositd_corroborations_failed_total", kCounter, "deposits", "chain, reason",
     "Times the endpoints asked for did not agree on a deposit."},
    {"depositd_rows_corrected_total", kCounter, "rows", "chain",
     "Rows that one endpoint's word had made and that several refuted before they counted."},
    {"depositd_deposits_detected_total", kCounter, "deposits", "chain, asset",
     "Deposits that entered the best chain."},
    {"depositd_zero_transfers_ignored_total", kCounter, "transfers", "chain",
     "Transfers of nothing to one of our addresses: address poisoning."},
    {"depositd_balance_missing_total", kCounter, "findings", "chain",
     "Receivers found with less native coin than is explained."},
    {"depositd_reconcile_looks_total", kCounter, "looks", "chain, outcome",
     "Comparisons of books and chain: equal, differs, partly when a balance could not be asked and the "
     "others are equal, or none when it could not be told."},
    {"depositd_reconcile_round_age_seconds", kGauge, "seconds", "chain",
     "Time since the last round over all addresses with a balance ended; before the first, since it began."},
    {"depositd_reconcile_differences_total", kCounter, "findings", "chain, kind",
     "Balances found below the books (missing) or above them (surplus)."},
    {"depositd_watched_addresses", kGauge, "addresses", "chain", "Size of the watch set."},

    {"depositd_db_commit_seconds", kHistogram, "seconds", "", "Time of one commit with its sync."},
    {"depositd_db_commit_jobs", kHistogram, "jobs", "", "Jobs that shared one commit."},
    {"depositd_db_failed_commits_total", kCounter, "commits", "",
     "Failed commits. After one the store refuses to write until a restart."},

    {"depositd_session_events_total", kCounter, "events", "type",
     "Events told to the owners of sessions."},
    {"depositd_webhook_attempts_total", kCounter, "attempts", "outcome",
     "Attempts to deliver a webhook: delivered; refused and redirected by the receiver; timeout, unreachable and "
     "malformed where there was no answer; blocked where the address may not be called."},
    {"depositd_webhook_given_up_total", kCounter, "deliveries", "",
     "Webhook deliveries that failed for a week. They can be asked for again."},
    {"depositd_webhook_backlog", kGauge, "deliveries", "", "Webhook deliveries that are still to be made."},
    {"depositd_webhook_oldest_age_seconds", kGauge, "seconds", "",
     "Age of the oldest webhook delivery that is still to be made; 0 when there is none."},
    {"depositd_sessions_overdue", kGauge, "sessions", "chain",
     "Sessions past their deadline that wait because this chain has not been read that far."},
    {"depositd_payouts_planned_total", kCounter, "payouts", "chain, leg", "Payouts planned."},
    {"depositd_payouts_active", kGauge, "payouts", "chain", "Payouts that are worked on."},
    {"depositd_payouts_halted", kGauge, "0 or 1", "chain",
     "1 while payouts on the chain are stopped until an operator acknowledges why."},
    {"depositd_payouts_lost", kGauge, "transactions", "chain",
     "Transactions that were final, left the chain, and are not sent again: later payouts of the same address "
     "wait behind them."},
    {"depositd_call_rehearsals_total", kCounter, "calls", "chain, outcome",
     "Rehearsals of contract calls: good, refused (the call reverts, or takes what it should not), or unknown "
     "where too few nodes can do that or say the same."},
    {"depositd_leftovers_kept_total", kCounter, "calls", "chain",
     "Contract calls that left less of their allowance than is returned: it stays on the books."},
    {"depositd_payout_sends_total", kCounter, "sends", "chain",
     "Times signed bytes were sent, repeats included."},
    {"depositd_payout_bumps_total", kCounter, "transactions", "chain",
     "Transactions replaced by one that offers more."},
    {"depositd_payouts_final_total", kCounter, "payouts", "chain, leg, outcome",
     "Payouts whose outcome is final."},
    {"depositd_strays_total", kCounter, "deposits", "chain, use",
     "Deposits that no session owns, by what became of them."},
    {"depositd_foreign_transactions_total", kCounter, "transactions", "chain",
     "Final transactions from our addresses that we did not sign. Above 0: a key is in other hands."},
};

}  // namespace

std::span<const MetricSpec> declared_metrics() { return kMetrics; }

const MetricSpec* find_metric(std::string_view name) {
    for (const MetricSpec& spec : kMetrics) {
        if (spec.name == name) return &spec;
    }
    return nullptr;
}

std::string metrics_manual() {
    std::ostringstream out;
    out << "# Metrics\n\n"
           "Generated by `depositd config docs --metrics`; do not edit. Served on the operator listener at\n"
           "`/metrics` in Prometheus text format. Values of labels come from small closed sets.\n\n"
           "| name | type | unit | labels | meaning |\n|---|---|---|---|---|\n";
    for (const MetricSpec& spec : kMetrics) {
        const std::string_view type = spec.type == kCounter  ? "counter"
                                      : spec.type == kGauge ? "gauge"
                                                            : "histogram";
        out << "| `" << spec.name << "` | " << type << " | " << spec.unit << " | "
            << (spec.labels.empty() ? "–" : spec.labels) << " | " << spec.help << " |\n";
    }
    return out.str();
}

}  // namespace depositd
