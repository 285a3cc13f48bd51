-- Who wants to be told, what there is to tell, and what of it was delivered.

CREATE TABLE webhooks (
    id             TEXT PRIMARY KEY CHECK (id <> ''),
    environment_id TEXT NOT NULL REFERENCES environments (id),
    url            TEXT NOT NULL CHECK (url <> ''),
    events         TEXT NOT NULL CHECK (events <> ''),  -- types, divided by spaces
    description    TEXT NOT NULL,
    secret         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    deleted_at     INTEGER,
    -- What is deleted signs nothing any more.
    CHECK ((secret = '') = (deleted_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_environment ON webhooks (environment_id, created_at, id);
CREATE TRIGGER webhooks_fixed BEFORE UPDATE ON webhooks
WHEN OLD.deleted_at IS NOT NULL OR NEW.deleted_at IS NULL OR OLD.id IS NOT NEW.id
  OR OLD.environment_id IS NOT NEW.environment_id OR OLD.url IS NOT NEW.url
  OR OLD.events IS NOT NEW.events OR OLD.created_at IS NOT NEW.created_at
BEGIN SELECT RAISE(ABORT, 'a webhook can only be deleted, once'); END;
CREATE TRIGGER webhooks_kept BEFORE DELETE ON webhooks
BEGIN SELECT RAISE(ABORT, 'webhooks are marked deleted, their deliveries stay told'); END;

-- The outbox: written with the change that it tells. A test event belongs to no session.
CREATE TABLE webhook_events (
    id             TEXT PRIMARY KEY CHECK (id <> ''),
    environment_id TEXT NOT NULL REFERENCES environments (id),
    session_id     TEXT REFERENCES sessions (id),
    sequence       INTEGER NOT NULL CHECK (sequence >= 0),
    type           TEXT NOT NULL CHECK (type <> ''),
    body           TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    UNIQUE (session_id, sequence)
) STRICT;
CREATE TRIGGER webhook_events_fixed BEFORE UPDATE ON webhook_events
BEGIN SELECT RAISE(ABORT, 'what was told is not told otherwise later'); END;
CREATE TRIGGER webhook_events_kept BEFORE DELETE ON webhook_events
BEGIN SELECT RAISE(ABORT, 'what was told is not unsaid'); END;

-- A lane is what is delivered in order: the events of one session to one webhook. At most one
-- delivery of a lane is due; those behind it wait.
CREATE TABLE webhook_deliveries (
    id          TEXT PRIMARY KEY CHECK (id <> ''),
    webhook_id  TEXT NOT NULL REFERENCES webhooks (id),
    event_id    TEXT NOT NULL REFERENCES webhook_events (id),
    lane        TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    state       INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    attempts    INTEGER NOT NULL CHECK (attempts >= 0),
    next_at     INTEGER CHECK ((next_at IS NOT NULL) = (state = 2)),
    last_status INTEGER,
    last_error  TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    UNIQUE (webhook_id, event_id)
) STRICT;
CREATE UNIQUE INDEX webhook_deliveries_head ON webhook_deliveries (webhook_id, lane) WHERE state = 2;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at, id) WHERE state = 2;
CREATE INDEX webhook_deliveries_behind ON webhook_deliveries (webhook_id, lane, sequence) WHERE state = 1;
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (webhook_id, created_at) WHERE state <= 2;
CREATE INDEX webhook_deliveries_by_time ON webhook_deliveries (webhook_id, created_at, id);

CREATE TABLE webhook_attempts (
    delivery_id TEXT NOT NULL REFERENCES webhook_deliveries (id),
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    status      INTEGER,
    error       TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    PRIMARY KEY (delivery_id, number)
) STRICT, WITHOUT ROWID;
