-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- Times are microseconds since 1970, UTC. No column holds a clear secret.
CREATE TABLE IF NOT EXISTS wrapped_keys (
	name    VARCHAR(128) NOT NULL,
	version BIGINT NOT NULL,
	master  VARCHAR(64) NOT NULL,
	wrapped VARBINARY(4096) NOT NULL,
	created BIGINT NOT NULL,
	PRIMARY KEY (name, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS tokens (
	id          VARCHAR(26) NOT NULL PRIMARY KEY,
	service     VARCHAR(64) NOT NULL,
	user_name   VARCHAR(128) NOT NULL,
	state       VARCHAR(16) NOT NULL,
	suite       VARCHAR(64) NOT NULL,
	auth_server VARCHAR(64) NOT NULL,
	format      VARCHAR(16) NOT NULL,
	direction   BIGINT NOT NULL,
	tok_length  BIGINT NOT NULL,
	c_length    BIGINT NOT NULL,
	salt        VARBINARY(512) NOT NULL,
	kdf         VARCHAR(64) NOT NULL,
	iterations  BIGINT NOT NULL,
	pin_digits  BIGINT NOT NULL,
	counter     BIGINT NOT NULL,
	dbk_version BIGINT NOT NULL,
	trk_version BIGINT NOT NULL,
	row_version BIGINT NOT NULL,
	sealed      VARBINARY(512) NOT NULL, -- C under its row key
	created     BIGINT NOT NULL,
	updated     BIGINT NOT NULL,
	live        TINYINT GENERATED ALWAYS AS (CASE WHEN state IN ('cancelled', 'revoked') THEN NULL ELSE 1 END) PERSISTENT,
	-- One live row for a user; NULLs differ from each other.
	UNIQUE INDEX tokens_live (service, user_name, live)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS codes (
	id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	locator    VARCHAR(16) NOT NULL UNIQUE,
	code_index VARBINARY(512) NOT NULL, -- HMAC under IDX, never the digits
	token      VARCHAR(26) NOT NULL,
	service    VARCHAR(64) NOT NULL,
	state      VARCHAR(16) NOT NULL,
	failures   BIGINT NOT NULL,
	expires    BIGINT NOT NULL,
	created    BIGINT NOT NULL,
	INDEX codes_token (token, created, id),
	INDEX codes_state (state),
	FOREIGN KEY (token) REFERENCES tokens (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS outbox (
	idempotency_key VARCHAR(128) NOT NULL PRIMARY KEY,
	op              VARCHAR(16) NOT NULL,
	token           VARCHAR(26) NOT NULL,
	auth_server     VARCHAR(64) NOT NULL,
	attempts        BIGINT NOT NULL,
	created         BIGINT NOT NULL,
	INDEX outbox_created (created, idempotency_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
