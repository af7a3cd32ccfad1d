-- +goose Up
-- Rows that are there have been active from the start, and their MACs are of format 1.
ALTER TABLE credentials ADD COLUMN clock_offset INTEGER NOT NULL DEFAULT 0;
ALTER TABLE credentials ADD COLUMN activated    INTEGER NOT NULL DEFAULT 1;
ALTER TABLE credentials ADD COLUMN format       INTEGER NOT NULL DEFAULT 1;
