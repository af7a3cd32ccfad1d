-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- Rows that are there have been active from the start, and their MACs are of format 1.
ALTER TABLE credentials ADD COLUMN IF NOT EXISTS clock_offset BIGINT NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN IF NOT EXISTS activated    BIGINT NOT NULL DEFAULT 1;
ALTER TABLE credentials ADD COLUMN IF NOT EXISTS format       BIGINT NOT NULL DEFAULT 1;
