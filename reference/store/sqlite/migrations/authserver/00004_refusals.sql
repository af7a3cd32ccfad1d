-- +goose Up
-- Refusals that changed no row, so that they cost as much as those that did.
CREATE TABLE refusals (
	slot    INTEGER NOT NULL PRIMARY KEY,
	counted INTEGER NOT NULL
) STRICT;
