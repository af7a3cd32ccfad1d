-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- One chain a node: records numbered from 1 without gaps, closed in groups.
CREATE TABLE IF NOT EXISTS audit_records (
	node        VARCHAR(64) NOT NULL,
	seq         BIGINT NOT NULL,
	group_no    BIGINT NOT NULL,
	at          BIGINT NOT NULL,
	event       VARCHAR(32) NOT NULL,
	actor       VARCHAR(128) NOT NULL,
	token       VARCHAR(26) NOT NULL,
	service     VARCHAR(64) NOT NULL,
	row_version BIGINT NOT NULL,
	detail      TEXT NOT NULL,
	PRIMARY KEY (node, seq),
	INDEX audit_token (token, row_version),
	INDEX audit_event (event)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS audit_groups (
	node      VARCHAR(64) NOT NULL,
	group_no  BIGINT NOT NULL,
	first_seq BIGINT NOT NULL,
	last_seq  BIGINT NOT NULL,
	previous  VARBINARY(512) NOT NULL,
	mac       VARBINARY(512) NOT NULL,
	PRIMARY KEY (node, group_no)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
