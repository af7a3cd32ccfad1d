-- +goose Up
-- Activation: the tokens that wait for their first OTP, or have been proven by it.
CREATE TABLE tickets (
	token    TEXT    NOT NULL PRIMARY KEY REFERENCES tokens (id),
	state    TEXT    NOT NULL CHECK (length(state) <= 16),
	mac      BLOB    NOT NULL, -- HMAC under TKT, never the ticket
	tries    INTEGER NOT NULL,
	try_name TEXT    NOT NULL CHECK (length(try_name) <= 64),
	expires  INTEGER NOT NULL,
	created  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
