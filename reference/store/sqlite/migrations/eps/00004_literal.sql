-- +goose Up
-- What the profile st-2.6.1 stores beyond the others (seed 000 §6.2-2); empty without it.
ALTER TABLE codes ADD COLUMN sealed BLOB NOT NULL DEFAULT x''; -- the code under DBK

CREATE TABLE keystores (
	name        TEXT    NOT NULL CHECK (length(name) <= 64),
	version     INTEGER NOT NULL,
	pkcs12      BLOB    NOT NULL, -- under the password
	password    BLOB    NOT NULL, -- under DBK
	dbk_version INTEGER NOT NULL,
	created     INTEGER NOT NULL,
	PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
