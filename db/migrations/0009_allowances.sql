-- What the chain showed, at a block behind the end of an allowance, by as many endpoints as the fate of a
-- payout takes: nothing may be taken any more, and so much was taken by nobody's call. Evidence, one row
-- for each allowance that was given and taken back, or used up by its call.
CREATE TABLE ended_allowances (
    step_id INTEGER PRIMARY KEY REFERENCES payout_steps (id),
    height  INTEGER NOT NULL CHECK (height >= 0),
    missing TEXT NOT NULL CHECK (missing <> ''),
    at      INTEGER NOT NULL
) STRICT;
CREATE TRIGGER ended_allowances_fixed BEFORE UPDATE ON ended_allowances
BEGIN SELECT RAISE(ABORT, 'evidence never changes'); END;
CREATE TRIGGER ended_allowances_kept BEFORE DELETE ON ended_allowances
BEGIN SELECT RAISE(ABORT, 'evidence never changes'); END;
CREATE TRIGGER ended_allowances_given BEFORE INSERT ON ended_allowances
WHEN NOT EXISTS (SELECT 1 FROM payout_steps g
                 JOIN payout_steps b ON b.payout_id IN
                      (SELECT q.id FROM payouts p JOIN payouts q ON q.session_id = p.session_id
                       WHERE p.id = g.payout_id)
                  AND ((b.kind = 2 AND b.units = '0') OR (b.kind = 3 AND b.payout_id = g.payout_id))
                  AND b.status = 6 AND b.id > g.id
                  AND b.recipient = g.recipient AND b.asset = g.asset AND b.sender = g.sender
                 WHERE g.id = NEW.step_id AND g.kind = 2 AND g.units <> '0' AND g.status = 6)
BEGIN SELECT RAISE(ABORT, 'an allowance ends once it was given and is taken back for good'); END;

-- A nonce that was reserved for a call (kinds 2, 3) and never signed for may be used up by what does
-- nothing (5).
DROP TRIGGER payout_steps_identity;
CREATE TRIGGER payout_steps_identity BEFORE UPDATE ON payout_steps
WHEN OLD.payout_id IS NOT NEW.payout_id OR OLD.ordinal IS NOT NEW.ordinal
  OR OLD.sender IS NOT NEW.sender
  OR (OLD.kind IS NOT NEW.kind
      AND NOT (OLD.kind IN (2, 3) AND NEW.kind = 5 AND OLD.status = 2 AND NEW.units = '0'
               AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.step_id = OLD.id)))
BEGIN SELECT RAISE(ABORT, 'a step keeps its place, its kind and its sender'); END;

-- Nothing is returned while somebody may still take it, or may have taken it. kind 2: approve.
CREATE TRIGGER payouts_refund_allowance BEFORE INSERT ON payouts
WHEN NEW.leg = 2 AND EXISTS (SELECT 1 FROM payouts p JOIN payout_steps s ON s.payout_id = p.id
                             WHERE p.session_id = NEW.session_id AND s.kind = 2 AND s.units <> '0'
                               AND s.status NOT IN (7, 8)
                               AND NOT EXISTS (SELECT 1 FROM ended_allowances e WHERE e.step_id = s.id))
BEGIN SELECT RAISE(ABORT, 'an allowance of this session is not proven taken back'); END;
-- What a call left behind is the rest of its delivery's allowance.
CREATE TRIGGER payout_steps_leftover_allowance BEFORE INSERT ON payout_steps
WHEN NEW.kind = 4 AND EXISTS (SELECT 1 FROM payouts l
                              JOIN payouts p ON p.session_id = l.session_id
                              JOIN payout_steps s ON s.payout_id = p.id
                              WHERE l.id = NEW.payout_id AND l.leg = 9
                                AND l.claims_key GLOB 'left by call/*'
                                AND s.kind = 2 AND s.units <> '0' AND s.status NOT IN (7, 8)
                                AND NOT EXISTS (SELECT 1 FROM ended_allowances e WHERE e.step_id = s.id))
BEGIN SELECT RAISE(ABORT, 'an allowance of this session is not proven taken back'); END;
