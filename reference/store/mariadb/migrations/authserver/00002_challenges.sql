-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- The sealed hash of an imported token's PIN, where its OCRA suite has one.
ALTER TABLE credentials ADD COLUMN IF NOT EXISTS pin_hash VARBINARY(128) NOT NULL DEFAULT '';

CREATE TABLE IF NOT EXISTS challenges (
	id              VARCHAR(26) NOT NULL PRIMARY KEY,
	token           VARCHAR(26) NOT NULL,
	question        VARCHAR(64) NOT NULL,
	client_question VARCHAR(64) NOT NULL,
	session         VARCHAR(512) NOT NULL,
	asked           VARBINARY(32) NOT NULL, -- digest of the questions as they are computed with
	used            BIGINT NOT NULL,
	expires         BIGINT NOT NULL,
	kept_until      BIGINT NOT NULL,
	mac             VARBINARY(512) NOT NULL,
	-- A token is asked a thing once while that is remembered.
	UNIQUE INDEX challenges_asked (token, asked),
	INDEX challenges_kept (kept_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
