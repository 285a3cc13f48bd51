#pragma once

namespace simulation {

//! The names of docs/CRASH_POINTS.md.
inline constexpr const char* kCrashPoints[] = {
    "plan_before", "plan_after", "journal_before", "journal_after", "outbox_before", "outbox_after",
    "webhook_sent", "facts_committed",
    "reserve_before", "reserve_after", "sign_before", "sign_after", "store_after", "send_before",
    "send_answered", "send_marked", "bump_before", "bump_after", "seen_before", "seen_after",
    "ledger_before", "ledger_after", "final_before", "final_after", "cursor_before", "cursor_after",
    "commit_before", "commit_after", "migration_before", "migration_after", "replay_midway",
};

}  // namespace simulation
