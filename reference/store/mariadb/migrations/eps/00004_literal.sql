-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- What the profile st-2.6.1 stores beyond the others (seed 000 §6.2-2); empty without it.
ALTER TABLE codes ADD COLUMN IF NOT EXISTS sealed VARBINARY(512) NOT NULL DEFAULT ''; -- the code under DBK

CREATE TABLE IF NOT EXISTS keystores (
	name        VARCHAR(64) NOT NULL,
	version     BIGINT NOT NULL,
	pkcs12      VARBINARY(16384) NOT NULL, -- under the password
	password    VARBINARY(512) NOT NULL, -- under DBK
	dbk_version BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	PRIMARY KEY (name, version)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
