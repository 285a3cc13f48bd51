-- The last block of ours that several endpoints said is on the chain, asked when a deadline had passed: by the word
-- of one alone, who may invent blocks, nobody's session ends.
CREATE TABLE agreed_blocks (
    chain    TEXT PRIMARY KEY,
    height   INTEGER NOT NULL CHECK (height >= 0),
    hash     TEXT NOT NULL,
    parent   TEXT NOT NULL,
    mined_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
