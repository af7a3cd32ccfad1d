-- +goose Up
-- One chain a node: records numbered from 1 without gaps, closed in groups.
CREATE TABLE audit_records (
	node        TEXT    NOT NULL CHECK (length(node) <= 64),
	seq         INTEGER NOT NULL,
	group_no    INTEGER NOT NULL,
	at          INTEGER NOT NULL,
	event       TEXT    NOT NULL CHECK (length(event) <= 32),
	actor       TEXT    NOT NULL CHECK (length(actor) <= 128),
	token       TEXT    NOT NULL CHECK (length(token) <= 26),
	service     TEXT    NOT NULL CHECK (length(service) <= 64),
	row_version INTEGER NOT NULL,
	detail      TEXT    NOT NULL CHECK (length(detail) <= 16384),
	PRIMARY KEY (node, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_token ON audit_records (token, row_version);
CREATE INDEX audit_event ON audit_records (event);

CREATE TABLE audit_groups (
	node      TEXT    NOT NULL CHECK (length(node) <= 64),
	group_no  INTEGER NOT NULL,
	first_seq INTEGER NOT NULL,
	last_seq  INTEGER NOT NULL,
	previous  BLOB    NOT NULL,
	mac       BLOB    NOT NULL,
	PRIMARY KEY (node, group_no)
) STRICT, WITHOUT ROWID;
