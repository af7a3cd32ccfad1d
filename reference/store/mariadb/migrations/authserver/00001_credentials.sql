-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- Times are microseconds since 1970, UTC.
CREATE TABLE IF NOT EXISTS wrapped_keys (
	name    VARCHAR(128) NOT NULL,
	version BIGINT NOT NULL,
	master  VARCHAR(64) NOT NULL,
	wrapped VARBINARY(4096) NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (name, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS credentials (
	token       VARCHAR(26) NOT NULL PRIMARY KEY,
	service     VARCHAR(64) NOT NULL,
	user_name   VARCHAR(128) NOT NULL,
	state       VARCHAR(16) NOT NULL,
	suite       VARCHAR(64) NOT NULL,
	wrapped     VARBINARY(512) NOT NULL, -- TOK under ASK
	tok_length  BIGINT NOT NULL,
	pin_digits  BIGINT NOT NULL,
	counter     BIGINT NOT NULL,
	failures    BIGINT NOT NULL,
	failed_ever BIGINT NOT NULL,
	candidates  BIGINT NOT NULL,
	imported    BIGINT NOT NULL,
	version     BIGINT NOT NULL,
	mac         VARBINARY(512) NOT NULL,
	created     BIGINT NOT NULL,
	updated     BIGINT NOT NULL,
	live        TINYINT GENERATED ALWAYS AS (CASE WHEN state IN ('cancelled', 'revoked') THEN NULL ELSE 1 END) PERSISTENT,
	-- One live row for a user; NULLs differ from each other.
	UNIQUE INDEX credentials_live (service, user_name, live)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS messages (
	idempotency_key VARCHAR(128) NOT NULL PRIMARY KEY,
	digest          VARBINARY(512) NOT NULL,
	result          VARCHAR(1024) NOT NULL,
	at              BIGINT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
