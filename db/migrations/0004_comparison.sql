-- The comparison of books and chain asks for one chain's accounts, some at a time. The balances of one
-- account are found by the primary key.
DROP INDEX balances_open;
CREATE INDEX balances_of_chain ON balances (substr(asset, 1, instr(asset, '/') - 1), account)
    WHERE units <> '0';

-- When what was acknowledged was seen to be over: the same halts anew.
ALTER TABLE halts ADD COLUMN lapsed_at INTEGER;
