-- +goose Up
-- Times are microseconds since 1970, UTC.
CREATE TABLE wrapped_keys (
	name    TEXT    NOT NULL CHECK (length(name) <= 128),
	version INTEGER NOT NULL,
	master  TEXT    NOT NULL CHECK (length(master) <= 64),
	wrapped BLOB    NOT NULL,
	created INTEGER NOT NULL,
	PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE credentials (
	token       TEXT    NOT NULL PRIMARY KEY CHECK (length(token) <= 26),
	service     TEXT    NOT NULL CHECK (length(service) <= 64),
	user_name   TEXT    NOT NULL CHECK (length(user_name) <= 128),
	state       TEXT    NOT NULL CHECK (length(state) <= 16),
	suite       TEXT    NOT NULL CHECK (length(suite) <= 64),
	wrapped     BLOB    NOT NULL, -- TOK under ASK
	tok_length  INTEGER NOT NULL,
	pin_digits  INTEGER NOT NULL,
	counter     INTEGER NOT NULL,
	failures    INTEGER NOT NULL,
	failed_ever INTEGER NOT NULL,
	candidates  INTEGER NOT NULL,
	imported    INTEGER NOT NULL,
	version     INTEGER NOT NULL,
	mac         BLOB    NOT NULL,
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	live        INTEGER GENERATED ALWAYS AS (CASE WHEN state IN ('cancelled', 'revoked') THEN NULL ELSE 1 END) STORED
) STRICT;
-- One live credential a user; NULLs differ from each other.
CREATE UNIQUE INDEX credentials_live ON credentials (service, user_name, live);

CREATE TABLE messages (
	idempotency_key TEXT    NOT NULL PRIMARY KEY CHECK (length(idempotency_key) <= 128),
	digest          BLOB    NOT NULL,
	result          TEXT    NOT NULL CHECK (length(result) <= 1024),
	at              INTEGER NOT NULL
) STRICT;
