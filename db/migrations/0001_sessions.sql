-- Tenants, sessions and the addresses issued to them.
-- Everywhere: amounts are decimal text, hashes and addresses lower-case 0x-hex text, instants unix
-- milliseconds, enums the pinned numbers of db/types.hpp and session/types.hpp. No time is read here.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE environments (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL UNIQUE,
    tolerance_bps INTEGER NOT NULL CHECK (tolerance_bps BETWEEN 0 AND 10000),
    underpaid     INTEGER NOT NULL CHECK (underpaid IN (1, 2)),
    overpaid      INTEGER NOT NULL CHECK (overpaid IN (1, 2)),
    created_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
    id             INTEGER PRIMARY KEY,
    environment_id TEXT NOT NULL REFERENCES environments (id),
    prefix         TEXT NOT NULL,
    hash           BLOB NOT NULL UNIQUE CHECK (length(hash) >= 32),
    label          TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    revoked_at     INTEGER
) STRICT;
CREATE INDEX api_keys_by_prefix ON api_keys (prefix);

CREATE TABLE sessions (
    id                 TEXT PRIMARY KEY CHECK (id <> ''),
    environment_id     TEXT NOT NULL REFERENCES environments (id),
    epoch              INTEGER NOT NULL DEFAULT 1,
    version            INTEGER NOT NULL CHECK (version >= 1),
    state              INTEGER NOT NULL CHECK (state BETWEEN 1 AND 14),
    dest_chain         TEXT NOT NULL,
    dest_asset         TEXT NOT NULL,
    dest_address       TEXT NOT NULL,
    dest_units         TEXT,
    dest_calldata      BLOB NOT NULL,
    refund_address     TEXT,
    tolerance_bps      INTEGER NOT NULL CHECK (tolerance_bps BETWEEN 0 AND 10000),
    underpaid          INTEGER NOT NULL CHECK (underpaid IN (1, 2)),
    overpaid           INTEGER NOT NULL CHECK (overpaid IN (1, 2)),
    expires_at         INTEGER NOT NULL,
    funding_asset      TEXT,
    funding_received   TEXT CHECK ((funding_received IS NULL) = (funding_asset IS NULL)),
    funding_to_deliver TEXT CHECK ((funding_to_deliver IS NULL) = (funding_asset IS NULL)),
    funding_excess     TEXT CHECK ((funding_excess IS NULL) = (funding_asset IS NULL)),
    waiting_state      INTEGER NOT NULL CHECK (waiting_state BETWEEN 1 AND 5),
    held_from          INTEGER CHECK (held_from IN (7, 9)),
    reason             INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 6),
    reason_text        TEXT NOT NULL,
    client_secret      TEXT NOT NULL,
    method             TEXT NOT NULL,
    method_at          INTEGER,
    display_json       TEXT NOT NULL,
    metadata_json      TEXT NOT NULL,
    receiver_id        INTEGER REFERENCES receivers (id),
    outcome_tx         TEXT,
    outcome_units      TEXT,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT;
-- The state rides along so that a filter needs no look into the table.
CREATE INDEX sessions_by_time ON sessions (created_at, id, state);
CREATE INDEX sessions_by_environment ON sessions (environment_id, created_at, id, state);
CREATE INDEX sessions_by_state ON sessions (state, expires_at);
CREATE INDEX sessions_waiting ON sessions (dest_chain, expires_at) WHERE state <= 5;
CREATE INDEX sessions_live_by_asset ON sessions (dest_asset)
    WHERE state NOT IN (8, 10, 12, 13, 14);
CREATE INDEX sessions_ended_by_asset ON sessions (dest_asset, expires_at)
    WHERE state IN (8, 10, 12, 13, 14);

CREATE TRIGGER sessions_final BEFORE UPDATE ON sessions
WHEN OLD.state IN (8, 10, 12, 13, 14)
BEGIN SELECT RAISE(ABORT, 'the session is final and never changes again'); END;
CREATE TRIGGER sessions_identity BEFORE UPDATE ON sessions
WHEN OLD.id IS NOT NEW.id OR OLD.environment_id IS NOT NEW.environment_id
  OR OLD.created_at IS NOT NEW.created_at OR NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'a session keeps its identity and its version grows by one'); END;
CREATE TRIGGER sessions_kept BEFORE DELETE ON sessions
BEGIN SELECT RAISE(ABORT, 'sessions are never deleted'); END;

CREATE TABLE session_tallies (
    session_id TEXT NOT NULL REFERENCES sessions (id),
    ordinal    INTEGER NOT NULL,
    asset      TEXT NOT NULL,
    detected   TEXT NOT NULL,
    confirmed  TEXT NOT NULL,
    live       INTEGER NOT NULL CHECK (live IN (0, 1)),
    PRIMARY KEY (session_id, ordinal),
    UNIQUE (session_id, asset)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_tallies_live ON session_tallies (asset, session_id) WHERE live = 1;

CREATE TABLE session_journal (
    id         INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id),
    version    INTEGER NOT NULL,
    from_state INTEGER NOT NULL CHECK (from_state BETWEEN 1 AND 14),
    to_state   INTEGER NOT NULL CHECK (to_state BETWEEN 1 AND 14),
    event      TEXT NOT NULL,
    detail     TEXT NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX session_journal_by_session ON session_journal (session_id, id);
CREATE TRIGGER session_journal_fixed BEFORE UPDATE ON session_journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER session_journal_kept BEFORE DELETE ON session_journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;

CREATE TABLE idempotency_keys (
    environment_id TEXT NOT NULL REFERENCES environments (id),
    key            TEXT NOT NULL CHECK (key <> ''),
    session_id     TEXT NOT NULL REFERENCES sessions (id),
    request_hash   TEXT NOT NULL,
    PRIMARY KEY (environment_id, key)
) STRICT, WITHOUT ROWID;

-- Ids grow for ever: nothing is deleted, so the largest plus one was never given out.
CREATE TABLE receivers (
    id               INTEGER PRIMARY KEY,
    family           TEXT NOT NULL,
    derivation_index INTEGER NOT NULL CHECK (derivation_index BETWEEN 0 AND 2147483647),
    address          TEXT NOT NULL CHECK (address <> ''),
    session_id       TEXT NOT NULL REFERENCES sessions (id),
    issued_at        INTEGER NOT NULL,
    UNIQUE (family, derivation_index),
    UNIQUE (address, family),
    UNIQUE (session_id, family)
) STRICT;
CREATE TRIGGER receivers_fixed BEFORE UPDATE ON receivers
BEGIN SELECT RAISE(ABORT, 'an issued address never changes'); END;
CREATE TRIGGER receivers_kept BEFORE DELETE ON receivers
BEGIN SELECT RAISE(ABORT, 'an issued address is watched for ever'); END;
