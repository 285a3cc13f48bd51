-- Own transactions that left the chain are looked for at every start: among the few, not among all.
CREATE INDEX own_txs_orphaned ON own_txs (chain) WHERE status = 3;

-- Grows with every change of a row that says what native coin an address should hold, so that who knows the
-- sums of before need not add them up again at each block.
CREATE TABLE native_changes (
    chain TEXT PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TRIGGER native_deposit_came AFTER INSERT ON deposits WHEN instr(NEW.asset, '/slip44:') > 0
BEGIN
    INSERT INTO native_changes (chain, count) VALUES (NEW.chain, 1)
        ON CONFLICT (chain) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER native_deposit_changed AFTER UPDATE ON deposits
WHEN (instr(NEW.asset, '/slip44:') > 0 OR instr(OLD.asset, '/slip44:') > 0)
 AND ((OLD.status = 3) <> (NEW.status = 3) OR OLD.units <> NEW.units OR OLD.asset <> NEW.asset
      OR OLD.to_address <> NEW.to_address)
BEGIN
    INSERT INTO native_changes (chain, count) VALUES (NEW.chain, 1)
        ON CONFLICT (chain) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER native_own_tx_came AFTER INSERT ON own_txs
BEGIN
    INSERT INTO native_changes (chain, count) VALUES (NEW.chain, 1)
        ON CONFLICT (chain) DO UPDATE SET count = count + 1;
END;
-- All but becoming final.
CREATE TRIGGER native_own_tx_changed AFTER UPDATE ON own_txs
WHEN NOT (OLD.status = 1 AND NEW.status = 2)
BEGIN
    INSERT INTO native_changes (chain, count) VALUES (NEW.chain, 1)
        ON CONFLICT (chain) DO UPDATE SET count = count + 1;
END;
-- What we signed becomes ours: only where its transaction was there before.
CREATE TRIGGER native_attempt_came AFTER INSERT ON attempts
WHEN EXISTS (SELECT 1 FROM own_txs o WHERE o.tx = NEW.tx AND o.chain = NEW.chain)
BEGIN
    INSERT INTO native_changes (chain, count) VALUES (NEW.chain, 1)
        ON CONFLICT (chain) DO UPDATE SET count = count + 1;
END;
