-- +goose Up
-- The version of MPP that a code is for. Those of version 1 are found by their index.
-- Statements can be repeated: a schema change is no transaction here.
ALTER TABLE codes
	ADD COLUMN IF NOT EXISTS mpp BIGINT NOT NULL DEFAULT 2,
	ADD UNIQUE INDEX IF NOT EXISTS codes_index (code_index),
	ADD INDEX IF NOT EXISTS codes_guessable (mpp, state, expires);
