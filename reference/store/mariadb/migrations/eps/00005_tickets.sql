-- +goose Up
-- Statements can be repeated: a schema change is no transaction here.
-- Activation: the tokens that wait for their first OTP, or have been proven by it.
CREATE TABLE IF NOT EXISTS tickets (
	token    VARCHAR(26) NOT NULL PRIMARY KEY,
	state    VARCHAR(16) NOT NULL,
	mac      VARBINARY(512) NOT NULL, -- HMAC under TKT, never the ticket
	tries    BIGINT NOT NULL,
	try_name VARCHAR(64) NOT NULL,
	expires  BIGINT NOT NULL,
	created  BIGINT NOT NULL,
	FOREIGN KEY (token) REFERENCES tokens (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_nopad_bin;
