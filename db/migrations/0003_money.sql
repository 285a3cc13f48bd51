-- Money out, and the books.

-- leg: 1 delivery, 2 refund, 3 collect, 4 stray, 5 gas, 6 fund, 7 fill, 8 rebalance, 9 excess
-- status: 1 planned, 2 reserved, 3 signed, 4 sent, 5 seen, 6 final_ok, 7 final_failed, 8 dead, 9 held
CREATE TABLE payouts (
    id             INTEGER PRIMARY KEY,
    epoch          INTEGER NOT NULL DEFAULT 1,
    environment_id TEXT NOT NULL,
    session_id     TEXT REFERENCES sessions (id),
    leg            INTEGER NOT NULL CHECK (leg BETWEEN 1 AND 9),
    chain          TEXT NOT NULL,
    asset          TEXT NOT NULL,
    receiver_id    INTEGER NOT NULL,
    sender         TEXT NOT NULL,
    recipient      TEXT NOT NULL,
    units          TEXT NOT NULL,
    calldata       BLOB NOT NULL,
    status         INTEGER NOT NULL CHECK (status BETWEEN 1 AND 9),
    held_from      INTEGER NOT NULL CHECK (held_from BETWEEN 1 AND 9),
    reason         TEXT NOT NULL,
    waiting_for    TEXT NOT NULL,
    claims_key     TEXT NOT NULL,
    version        INTEGER NOT NULL CHECK (version >= 1),
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    CHECK (leg NOT IN (1, 2, 9) OR session_id IS NOT NULL)
) STRICT;
-- Exactly once, whatever the program believes: one delivery (and one refund) that is not proven to
-- have come to nothing.
CREATE UNIQUE INDEX payouts_one_delivery ON payouts (session_id)
    WHERE leg = 1 AND status NOT IN (7, 8);
CREATE UNIQUE INDEX payouts_one_refund ON payouts (session_id)
    WHERE leg = 2 AND status NOT IN (7, 8);
CREATE UNIQUE INDEX payouts_once ON payouts (leg, asset, receiver_id, claims_key)
    WHERE leg <> 1 AND status NOT IN (7, 8);
CREATE INDEX payouts_by_session ON payouts (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX payouts_active ON payouts (chain, id) WHERE status IN (1, 2, 3, 4, 5);
CREATE INDEX payouts_by_status ON payouts (status);

CREATE TRIGGER payouts_refund_insert BEFORE INSERT ON payouts
WHEN NEW.leg = 2 AND EXISTS (SELECT 1 FROM payouts p WHERE p.session_id = NEW.session_id
                             AND p.leg = 1 AND p.status NOT IN (7, 8))
BEGIN SELECT RAISE(ABORT, 'a delivery of this session is not proven failed or dead'); END;
CREATE TRIGGER payouts_refund_update BEFORE UPDATE ON payouts
WHEN NEW.leg = 2 AND NEW.status NOT IN (7, 8)
 AND EXISTS (SELECT 1 FROM payouts p WHERE p.session_id = NEW.session_id
             AND p.leg = 1 AND p.status NOT IN (7, 8))
BEGIN SELECT RAISE(ABORT, 'a delivery of this session is not proven failed or dead'); END;
CREATE TRIGGER payouts_delivery_insert BEFORE INSERT ON payouts
WHEN NEW.leg = 1 AND EXISTS (SELECT 1 FROM payouts p WHERE p.session_id = NEW.session_id
                             AND p.leg = 2 AND p.status NOT IN (7, 8))
BEGIN SELECT RAISE(ABORT, 'a refund of this session is not proven failed or dead'); END;
CREATE TRIGGER payouts_excess_insert BEFORE INSERT ON payouts
WHEN NEW.leg = 9 AND NOT EXISTS (SELECT 1 FROM payouts p WHERE p.session_id = NEW.session_id
                                 AND p.leg = 1 AND p.status = 6)
BEGIN SELECT RAISE(ABORT, 'what is over goes back only after the delivery is final'); END;
CREATE TRIGGER payouts_terminal BEFORE UPDATE ON payouts WHEN OLD.status IN (6, 7, 8)
BEGIN SELECT RAISE(ABORT, 'the payout is terminal and never changes again'); END;
CREATE TRIGGER payouts_identity BEFORE UPDATE ON payouts
WHEN OLD.id IS NOT NEW.id OR OLD.session_id IS NOT NEW.session_id OR OLD.leg IS NOT NEW.leg
  OR OLD.environment_id IS NOT NEW.environment_id OR OLD.chain IS NOT NEW.chain
  OR OLD.asset IS NOT NEW.asset OR OLD.receiver_id IS NOT NEW.receiver_id
  OR OLD.sender IS NOT NEW.sender OR OLD.recipient IS NOT NEW.recipient
  OR OLD.units IS NOT NEW.units OR OLD.calldata IS NOT NEW.calldata
  OR OLD.claims_key IS NOT NEW.claims_key OR NEW.version <> OLD.version + 1
BEGIN SELECT RAISE(ABORT, 'a payout keeps its identity and its version grows by one'); END;
CREATE TRIGGER payouts_kept BEFORE DELETE ON payouts
BEGIN SELECT RAISE(ABORT, 'payouts are never deleted'); END;

CREATE TABLE payout_steps (
    id        INTEGER PRIMARY KEY,
    payout_id INTEGER NOT NULL REFERENCES payouts (id),
    ordinal   INTEGER NOT NULL,
    kind      INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 5),
    key_role  INTEGER NOT NULL,
    key_index INTEGER NOT NULL,
    sender    TEXT NOT NULL,
    recipient TEXT NOT NULL,
    asset     TEXT NOT NULL,
    units     TEXT NOT NULL,
    gas_limit INTEGER NOT NULL CHECK (gas_limit >= 0),
    nonce     INTEGER NOT NULL CHECK (nonce >= 0),
    status    INTEGER NOT NULL CHECK (status BETWEEN 1 AND 9),
    reason    TEXT NOT NULL,
    UNIQUE (payout_id, ordinal)
) STRICT;
CREATE INDEX payout_steps_open ON payout_steps (sender) WHERE status NOT IN (6, 7, 8);
CREATE INDEX payout_steps_alive ON payout_steps (payout_id) WHERE status NOT IN (6, 7, 8);
-- The customer's money moves in one transaction at a time, and never beside its own verdict.
CREATE UNIQUE INDEX payout_steps_one_transfer ON payout_steps (payout_id)
    WHERE kind IN (3, 4) AND status NOT IN (6, 7, 8);
CREATE TRIGGER payout_steps_open_payout BEFORE INSERT ON payout_steps
WHEN EXISTS (SELECT 1 FROM payouts p WHERE p.id = NEW.payout_id AND p.status IN (6, 7, 8))
BEGIN SELECT RAISE(ABORT, 'a payout that ended gets no new step'); END;
CREATE TRIGGER payouts_no_living_transfer BEFORE UPDATE ON payouts
WHEN NEW.status IN (6, 7, 8) AND EXISTS (SELECT 1 FROM payout_steps s WHERE s.payout_id = OLD.id
                                         AND s.kind IN (3, 4) AND s.status NOT IN (6, 7, 8))
BEGIN SELECT RAISE(ABORT, 'a transfer of this payout is alive'); END;
CREATE TRIGGER payout_steps_terminal BEFORE UPDATE ON payout_steps WHEN OLD.status IN (6, 7, 8)
BEGIN SELECT RAISE(ABORT, 'the step is terminal and never changes again'); END;
CREATE TRIGGER payout_steps_identity BEFORE UPDATE ON payout_steps
WHEN OLD.payout_id IS NOT NEW.payout_id OR OLD.ordinal IS NOT NEW.ordinal
  OR OLD.kind IS NOT NEW.kind OR OLD.sender IS NOT NEW.sender
BEGIN SELECT RAISE(ABORT, 'a step keeps its place, its kind and its sender'); END;
CREATE TRIGGER payout_steps_signed BEFORE UPDATE ON payout_steps
WHEN EXISTS (SELECT 1 FROM attempts a WHERE a.step_id = OLD.id)
 AND (OLD.key_role IS NOT NEW.key_role OR OLD.key_index IS NOT NEW.key_index
      OR OLD.recipient IS NOT NEW.recipient OR OLD.asset IS NOT NEW.asset
      OR OLD.units IS NOT NEW.units OR OLD.nonce IS NOT NEW.nonce)
BEGIN SELECT RAISE(ABORT, 'a step that was signed once pays the same, from the same nonce, for ever'); END;
CREATE TRIGGER payout_steps_kept BEFORE DELETE ON payout_steps
BEGIN SELECT RAISE(ABORT, 'steps are never deleted'); END;

CREATE TABLE nonces (
    chain   TEXT NOT NULL,
    sender  TEXT NOT NULL,
    nonce   INTEGER NOT NULL CHECK (nonce >= 0),
    step_id INTEGER NOT NULL UNIQUE REFERENCES payout_steps (id),
    PRIMARY KEY (chain, sender, nonce)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER nonces_fixed BEFORE UPDATE ON nonces
BEGIN SELECT RAISE(ABORT, 'a reserved nonce belongs to its step for ever'); END;
CREATE TRIGGER nonces_kept BEFORE DELETE ON nonces
BEGIN SELECT RAISE(ABORT, 'a reserved nonce belongs to its step for ever'); END;

-- status: 1 signed, 2 sent, 3 mined, 4 final_ok, 5 final_failed, 6 dead
CREATE TABLE attempts (
    id               INTEGER PRIMARY KEY,
    epoch            INTEGER NOT NULL DEFAULT 1,
    step_id          INTEGER NOT NULL REFERENCES payout_steps (id),
    chain            TEXT NOT NULL,
    tx               TEXT NOT NULL CHECK (tx <> ''),
    raw              BLOB NOT NULL CHECK (length(raw) > 0),
    max_fee          TEXT NOT NULL,
    max_priority_fee TEXT NOT NULL,
    status           INTEGER NOT NULL CHECK (status BETWEEN 1 AND 6),
    send_count       INTEGER NOT NULL CHECK (send_count >= 0),
    last_answer      TEXT NOT NULL,
    signed_at        INTEGER NOT NULL,
    sent_at          INTEGER,
    UNIQUE (tx, chain)
) STRICT;
CREATE INDEX attempts_by_step ON attempts (step_id);
-- A top-up may outlive its payout: its nonce has to be used up.
CREATE TRIGGER attempts_closed BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM payout_steps s JOIN payouts p ON p.id = s.payout_id
             WHERE s.id = NEW.step_id
               AND (s.status IN (6, 7, 8) OR (p.status IN (6, 7, 8) AND s.kind <> 1)))
BEGIN SELECT RAISE(ABORT, 'nothing is signed for a payout or a step that is terminal'); END;
CREATE TRIGGER attempts_fixed BEFORE UPDATE ON attempts
WHEN OLD.id IS NOT NEW.id OR OLD.step_id IS NOT NEW.step_id OR OLD.chain IS NOT NEW.chain
  OR OLD.tx IS NOT NEW.tx OR OLD.raw IS NOT NEW.raw OR OLD.max_fee IS NOT NEW.max_fee
  OR OLD.max_priority_fee IS NOT NEW.max_priority_fee OR OLD.signed_at IS NOT NEW.signed_at
BEGIN SELECT RAISE(ABORT, 'the signed bytes never change'); END;
CREATE TRIGGER attempts_terminal BEFORE UPDATE ON attempts
WHEN OLD.status IN (4, 5, 6) AND NEW.status <> OLD.status
BEGIN SELECT RAISE(ABORT, 'the attempt is decided'); END;
CREATE TRIGGER attempts_kept BEFORE DELETE ON attempts
BEGIN SELECT RAISE(ABORT, 'attempts are never deleted'); END;

CREATE TABLE postings (
    id             INTEGER PRIMARY KEY,
    epoch          INTEGER NOT NULL DEFAULT 1,
    environment_id TEXT,
    key            TEXT NOT NULL UNIQUE CHECK (key <> ''),
    text           TEXT NOT NULL,
    at             INTEGER NOT NULL
) STRICT;
CREATE TRIGGER postings_fixed BEFORE UPDATE ON postings
BEGIN SELECT RAISE(ABORT, 'the books are append-only'); END;
CREATE TRIGGER postings_kept BEFORE DELETE ON postings
BEGIN SELECT RAISE(ABORT, 'the books are append-only'); END;

CREATE TABLE ledger_lines (
    posting_id INTEGER NOT NULL REFERENCES postings (id),
    ordinal    INTEGER NOT NULL,
    account    TEXT NOT NULL CHECK (account IN ('operator', 'fees', 'unattributed')
                                    OR account GLOB 'address:?*' OR account GLOB 'session:?*'
                                    OR account GLOB 'stray:?*'),
    asset      TEXT NOT NULL CHECK (asset <> ''),
    debit      INTEGER NOT NULL CHECK (debit IN (0, 1)),
    units      TEXT NOT NULL,
    PRIMARY KEY (posting_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER ledger_lines_fixed BEFORE UPDATE ON ledger_lines
BEGIN SELECT RAISE(ABORT, 'the books are append-only'); END;
CREATE TRIGGER ledger_lines_kept BEFORE DELETE ON ledger_lines
BEGIN SELECT RAISE(ABORT, 'the books are append-only'); END;

-- Sums of the lines, kept because amounts cannot be added in SQL; the ledger's verify() recomputes them.
CREATE TABLE balances (
    account TEXT NOT NULL,
    asset   TEXT NOT NULL,
    debit   INTEGER NOT NULL CHECK (debit IN (0, 1)),
    units   TEXT NOT NULL,
    PRIMARY KEY (account, asset)
) STRICT, WITHOUT ROWID;
CREATE INDEX balances_open ON balances (account) WHERE units <> '0';
