-- The key that a session was made under is looked for by the session.
CREATE INDEX idempotency_keys_by_session ON idempotency_keys (session_id);
