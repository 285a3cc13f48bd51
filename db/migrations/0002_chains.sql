-- What the chains said: blocks, coverage, deposits, our own mined transactions, and the stream of facts.

CREATE TABLE chain_tips (
    chain      TEXT PRIMARY KEY,
    height     INTEGER NOT NULL CHECK (height >= 0),
    hash       TEXT NOT NULL,
    parent     TEXT NOT NULL,
    mined_at   INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE chain_finals (
    chain    TEXT PRIMARY KEY,
    height   INTEGER NOT NULL CHECK (height >= 0),
    hash     TEXT NOT NULL,
    parent   TEXT NOT NULL,
    mined_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER chain_finals_up BEFORE UPDATE ON chain_finals
WHEN NEW.height < OLD.height OR (NEW.height = OLD.height AND NEW.hash <> OLD.hash)
BEGIN SELECT RAISE(ABORT, 'the final block never goes back'); END;

-- The last block at which the balances of everybody who waits for native coin were accounted for.
CREATE TABLE native_reads (
    chain    TEXT PRIMARY KEY,
    height   INTEGER NOT NULL CHECK (height >= 0),
    hash     TEXT NOT NULL,
    parent   TEXT NOT NULL,
    mined_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How far final blocks were read once more, from another endpoint.
CREATE TABLE second_readings (
    chain    TEXT PRIMARY KEY,
    height   INTEGER NOT NULL CHECK (height >= 0),
    endpoint TEXT NOT NULL,
    read_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- status: 1 on our best chain, 2 orphaned
CREATE TABLE blocks (
    chain     TEXT NOT NULL,
    height    INTEGER NOT NULL CHECK (height >= 0),
    hash      TEXT NOT NULL,
    parent    TEXT NOT NULL,
    mined_at  INTEGER NOT NULL,
    status    INTEGER NOT NULL CHECK (status IN (1, 2)),
    log_count INTEGER NOT NULL,
    tx_count  INTEGER NOT NULL,
    PRIMARY KEY (chain, height, hash)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX blocks_one_per_height ON blocks (chain, height) WHERE status = 1;

CREATE TABLE coverage (
    chain          TEXT NOT NULL,
    from_height    INTEGER NOT NULL,
    to_height      INTEGER NOT NULL CHECK (to_height >= from_height),
    first_parent   TEXT NOT NULL,
    last_hash      TEXT NOT NULL,
    endpoint       TEXT NOT NULL,
    evidence       INTEGER NOT NULL,
    log_count      INTEGER NOT NULL CHECK (log_count >= 0),
    tx_count       INTEGER NOT NULL CHECK (tx_count >= 0),
    watch_revision INTEGER NOT NULL,
    read_at        INTEGER NOT NULL,
    PRIMARY KEY (chain, from_height)
) STRICT, WITHOUT ROWID;

CREATE TABLE halts (
    id              INTEGER PRIMARY KEY,
    chain           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    since           INTEGER NOT NULL,
    acknowledged_at INTEGER,
    acknowledged_by TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX halts_open ON halts (chain, reason) WHERE acknowledged_at IS NULL;
CREATE TRIGGER halts_kept BEFORE DELETE ON halts
BEGIN SELECT RAISE(ABORT, 'halts are kept'); END;

-- status: 1 detected, 2 confirmed, 3 orphaned
-- AUTOINCREMENT: facts and payouts name deposits by id, also those whose rows were lost.
CREATE TABLE deposits (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    epoch          INTEGER NOT NULL DEFAULT 1,
    environment_id TEXT,
    chain          TEXT NOT NULL,
    key            TEXT NOT NULL CHECK (key <> ''),
    tx             TEXT NOT NULL,
    position       INTEGER NOT NULL,
    kind           INTEGER NOT NULL,
    asset          TEXT NOT NULL,
    from_address   TEXT NOT NULL,
    to_address     TEXT NOT NULL,
    receiver_id    INTEGER REFERENCES receivers (id),
    session_id     TEXT,
    units          TEXT NOT NULL,
    height         INTEGER NOT NULL CHECK (height >= 0),
    block          TEXT NOT NULL,
    mined_at       INTEGER NOT NULL,
    status         INTEGER NOT NULL CHECK (status IN (1, 2, 3)),
    detected_at    INTEGER NOT NULL,
    confirmed_at   INTEGER,
    -- The key starts with the transaction: this index finds a transaction's deposits as well.
    UNIQUE (key, chain)
) STRICT;
CREATE INDEX deposits_by_session ON deposits (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX deposits_unconfirmed ON deposits (chain, height) WHERE status = 1;
CREATE INDEX deposits_live ON deposits (chain, height) WHERE status <> 3;
CREATE INDEX deposits_orphaned ON deposits (chain) WHERE status = 3;
CREATE INDEX deposits_native ON deposits (to_address, chain) WHERE instr(asset, '/slip44:') > 0;
CREATE TRIGGER deposits_kept BEFORE DELETE ON deposits
BEGIN SELECT RAISE(ABORT, 'deposits are marked orphaned, never deleted'); END;
CREATE TRIGGER deposits_identity BEFORE UPDATE OF id, chain, key ON deposits
WHEN OLD.id IS NOT NEW.id OR OLD.chain IS NOT NEW.chain OR OLD.key IS NOT NEW.key
BEGIN SELECT RAISE(ABORT, 'a deposit keeps its key'); END;

-- Settlement's memory of a deposit, by its key: it outlives the deposit's row and finds it again.
-- use: 1 delivery, 2 refund, 3 stray, 4 booked, 5 held; counted: 0 not, 1 detected, 2 confirmed
CREATE TABLE claims (
    key      TEXT NOT NULL CHECK (key <> ''),
    chain    TEXT NOT NULL,
    use      INTEGER CHECK (use BETWEEN 1 AND 5),
    counted  INTEGER NOT NULL DEFAULT 0 CHECK (counted IN (0, 1, 2)),
    can_fund INTEGER CHECK (can_fund IN (0, 1)),
    -- what it was when it was counted
    asset    TEXT,
    units    TEXT,
    mined_at INTEGER,
    PRIMARY KEY (key, chain)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER claims_kept BEFORE DELETE ON claims
BEGIN SELECT RAISE(ABORT, 'a claim is never deleted'); END;
CREATE TRIGGER claims_ways BEFORE UPDATE ON claims
WHEN OLD.key IS NOT NEW.key OR OLD.chain IS NOT NEW.chain
  OR (OLD.use IS NOT NULL AND OLD.use IS NOT NEW.use
      AND NOT coalesce((OLD.use IN (3, 5) AND NEW.use IN (3, 4)) OR (OLD.use = 1 AND NEW.use = 2), 0))
BEGIN SELECT RAISE(ABORT, 'the deposit is used already, and not in a way that may become this one'); END;

-- status: 1 mined, 2 final, 3 orphaned
CREATE TABLE own_txs (
    id           INTEGER PRIMARY KEY,
    epoch        INTEGER NOT NULL DEFAULT 1,
    chain        TEXT NOT NULL,
    tx           TEXT NOT NULL CHECK (tx <> ''),
    sender       TEXT NOT NULL,
    nonce        INTEGER NOT NULL CHECK (nonce >= 0),
    success      INTEGER NOT NULL CHECK (success IN (0, 1)),
    fee          TEXT NOT NULL,
    to_address   TEXT NOT NULL,
    native_value TEXT NOT NULL,
    height       INTEGER NOT NULL CHECK (height >= 0),
    block        TEXT NOT NULL,
    mined_at     INTEGER NOT NULL,
    status       INTEGER NOT NULL CHECK (status IN (1, 2, 3)),
    UNIQUE (tx, chain)
) STRICT;
CREATE INDEX own_txs_not_final ON own_txs (chain, height) WHERE status = 1;
CREATE INDEX own_txs_live ON own_txs (chain, height) WHERE status <> 3;
CREATE INDEX own_txs_by_sender ON own_txs (sender, chain);
CREATE INDEX own_txs_by_to ON own_txs (to_address, chain);
CREATE TRIGGER own_txs_kept BEFORE DELETE ON own_txs
BEGIN SELECT RAISE(ABORT, 'own transactions are marked orphaned, never deleted'); END;

CREATE TABLE own_tx_transfers (
    own_tx_id    INTEGER NOT NULL REFERENCES own_txs (id),
    ordinal      INTEGER NOT NULL,
    asset        TEXT NOT NULL,
    from_address TEXT NOT NULL,
    to_address   TEXT NOT NULL,
    units        TEXT NOT NULL,
    position     INTEGER NOT NULL,
    PRIMARY KEY (own_tx_id, ordinal)
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a reader's cursor must never be ahead of a new fact, also after rows were lost.
CREATE TABLE facts (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 8),
    chain       TEXT NOT NULL,
    receiver_id INTEGER REFERENCES receivers (id),
    own_tx_id   INTEGER REFERENCES own_txs (id),
    address     TEXT NOT NULL,
    asset       TEXT NOT NULL,
    units       TEXT NOT NULL,
    height      INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER facts_fixed BEFORE UPDATE ON facts
BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
CREATE TRIGGER facts_kept BEFORE DELETE ON facts
BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;

CREATE TABLE fact_deposits (
    seq           INTEGER NOT NULL REFERENCES facts (seq),
    ordinal       INTEGER NOT NULL,
    deposit_id    INTEGER NOT NULL,
    was_confirmed INTEGER NOT NULL CHECK (was_confirmed IN (0, 1)),
    PRIMARY KEY (seq, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER fact_deposits_fixed BEFORE UPDATE ON fact_deposits
BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;
CREATE TRIGGER fact_deposits_kept BEFORE DELETE ON fact_deposits
BEGIN SELECT RAISE(ABORT, 'facts are append-only'); END;

CREATE TABLE cursors (
    reader TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER cursors_up BEFORE UPDATE ON cursors WHEN NEW.seq < OLD.seq
BEGIN SELECT RAISE(ABORT, 'a reader of facts never goes back'); END;
