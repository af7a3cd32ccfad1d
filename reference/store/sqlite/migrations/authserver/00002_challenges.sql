-- +goose Up
-- The sealed hash of an imported token's PIN, where its OCRA suite has one.
ALTER TABLE credentials ADD COLUMN pin_hash BLOB NOT NULL DEFAULT x'';

CREATE TABLE challenges (
	id              TEXT    NOT NULL PRIMARY KEY CHECK (length(id) <= 26),
	token           TEXT    NOT NULL CHECK (length(token) <= 26),
	question        TEXT    NOT NULL CHECK (length(question) <= 64),
	client_question TEXT    NOT NULL CHECK (length(client_question) <= 64),
	session         TEXT    NOT NULL CHECK (length(session) <= 512),
	asked           BLOB    NOT NULL, -- digest of the questions as they are computed with
	used            INTEGER NOT NULL,
	expires         INTEGER NOT NULL,
	kept_until      INTEGER NOT NULL,
	mac             BLOB    NOT NULL
) STRICT;
-- A token is asked a thing once while that is remembered.
CREATE UNIQUE INDEX challenges_asked ON challenges (token, asked);
CREATE INDEX challenges_kept ON challenges (kept_until);
