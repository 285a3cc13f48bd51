-- What was final and left the chain again, because finality was broken, is signed for once more: the same
-- order from the same nonce, at the price of the day, and with the gas money that this takes. Gas money
-- (kind 1) also when it had failed: it pays nobody. `status` of own_txs: 3 orphaned; of attempts: 4
-- final_ok, 5 final_failed; of steps: 6 final_ok, 7 final_failed.
CREATE VIEW lost_steps AS
SELECT s.id AS step_id, s.payout_id AS payout_id
FROM payout_steps s JOIN payouts p ON p.id = s.payout_id
WHERE (s.status = 6 OR (s.status = 7 AND s.kind = 1))
  AND EXISTS (SELECT 1 FROM attempts a JOIN own_txs o ON o.tx = a.tx AND o.chain = a.chain
              WHERE a.step_id = s.id AND o.status = 3
                AND (a.status = 4 OR (a.status = 5 AND s.kind = 1)))
  AND NOT EXISTS (SELECT 1 FROM own_txs n WHERE n.sender = s.sender AND n.chain = p.chain
                  AND n.nonce = s.nonce AND n.status <> 3);

DROP TRIGGER attempts_closed;
CREATE TRIGGER attempts_closed BEFORE INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM payout_steps s JOIN payouts p ON p.id = s.payout_id
             WHERE s.id = NEW.step_id
               AND (s.status IN (6, 7, 8) OR (p.status IN (6, 7, 8) AND s.kind <> 1)))
 AND NOT EXISTS (SELECT 1 FROM lost_steps l WHERE l.step_id = NEW.step_id)
BEGIN SELECT RAISE(ABORT, 'nothing is signed for a payout or a step that is terminal'); END;

DROP TRIGGER payout_steps_open_payout;
CREATE TRIGGER payout_steps_open_payout BEFORE INSERT ON payout_steps
WHEN EXISTS (SELECT 1 FROM payouts p WHERE p.id = NEW.payout_id AND p.status IN (6, 7, 8))
 AND NOT (NEW.kind = 1 AND EXISTS (SELECT 1 FROM lost_steps l WHERE l.payout_id = NEW.payout_id))
BEGIN SELECT RAISE(ABORT, 'a payout that ended gets no new step but gas money for what left the chain'); END;
