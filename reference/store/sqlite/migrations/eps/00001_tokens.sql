-- +goose Up
-- Times are microseconds since 1970, UTC. No column holds a clear secret.
CREATE TABLE wrapped_keys (
	name    TEXT    NOT NULL CHECK (length(name) <= 128),
	version INTEGER NOT NULL,
	master  TEXT    NOT NULL CHECK (length(master) <= 64),
	wrapped BLOB    NOT NULL,
	created INTEGER NOT NULL,
	PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
	id          TEXT    NOT NULL PRIMARY KEY CHECK (length(id) <= 26),
	service     TEXT    NOT NULL CHECK (length(service) <= 64),
	user_name   TEXT    NOT NULL CHECK (length(user_name) <= 128),
	state       TEXT    NOT NULL CHECK (length(state) <= 16),
	suite       TEXT    NOT NULL CHECK (length(suite) <= 64),
	auth_server TEXT    NOT NULL CHECK (length(auth_server) <= 64),
	format      TEXT    NOT NULL CHECK (length(format) <= 16),
	direction   INTEGER NOT NULL,
	tok_length  INTEGER NOT NULL,
	c_length    INTEGER NOT NULL,
	salt        BLOB    NOT NULL,
	kdf         TEXT    NOT NULL CHECK (length(kdf) <= 64),
	iterations  INTEGER NOT NULL,
	pin_digits  INTEGER NOT NULL,
	counter     INTEGER NOT NULL,
	dbk_version INTEGER NOT NULL,
	trk_version INTEGER NOT NULL,
	row_version INTEGER NOT NULL,
	sealed      BLOB    NOT NULL, -- C under its row key
	created     INTEGER NOT NULL,
	updated     INTEGER NOT NULL,
	live        INTEGER GENERATED ALWAYS AS (CASE WHEN state IN ('cancelled', 'revoked') THEN NULL ELSE 1 END) STORED
) STRICT;
-- One live token a user; NULLs differ from each other.
CREATE UNIQUE INDEX tokens_live ON tokens (service, user_name, live);

CREATE TABLE codes (
	id         INTEGER PRIMARY KEY,
	locator    TEXT    NOT NULL UNIQUE CHECK (length(locator) <= 16),
	code_index BLOB    NOT NULL, -- HMAC under IDX, never the digits
	token      TEXT    NOT NULL REFERENCES tokens (id),
	service    TEXT    NOT NULL CHECK (length(service) <= 64),
	state      TEXT    NOT NULL CHECK (length(state) <= 16),
	failures   INTEGER NOT NULL,
	expires    INTEGER NOT NULL,
	created    INTEGER NOT NULL
) STRICT;
CREATE INDEX codes_token ON codes (token, created, id);
CREATE INDEX codes_state ON codes (state);

CREATE TABLE outbox (
	idempotency_key TEXT    NOT NULL PRIMARY KEY CHECK (length(idempotency_key) <= 128),
	op              TEXT    NOT NULL CHECK (length(op) <= 16),
	token           TEXT    NOT NULL CHECK (length(token) <= 26),
	auth_server     TEXT    NOT NULL CHECK (length(auth_server) <= 64),
	attempts        INTEGER NOT NULL,
	created         INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_created ON outbox (created, idempotency_key);
