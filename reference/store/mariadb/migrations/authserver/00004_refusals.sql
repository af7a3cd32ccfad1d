-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- Refusals that changed no row, so that they cost as much as those that did.
CREATE TABLE IF NOT EXISTS refusals (
	slot    BIGINT NOT NULL PRIMARY KEY,
	counted BIGINT NOT NULL
) ENGINE=InnoDB;
