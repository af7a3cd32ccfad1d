-- +goose Up
-- The version of MPP that a code is for. Those of version 1 are found by their index.
ALTER TABLE codes ADD COLUMN mpp INTEGER NOT NULL DEFAULT 2;
CREATE UNIQUE INDEX codes_index ON codes (code_index);
CREATE INDEX codes_guessable ON codes (mpp, state, expires);
