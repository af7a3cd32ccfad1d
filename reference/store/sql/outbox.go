package sql

import "github.com/epsbench/epsbench/reference/store"

const (
	outboxColumns = "idempotency_key, op, token, auth_server, attempts, created"
	selectOutbox  = "SELECT " + outboxColumns + " FROM outbox ORDER BY created, idempotency_key LIMIT ?"
	putOutbox     = "REPLACE INTO outbox (" + outboxColumns + ") VALUES (?,?,?,?,?,?)"
	deleteOutbox  = "DELETE FROM outbox WHERE idempotency_key = ?"
)

// Outbox implements store.Reader.
func (t epsTx) Outbox(limit int) ([]store.OutboxEntry, error) {
	return list(t.turn, func(row scanner) (e store.OutboxEntry, err error) {
		var created int64
		err = row.Scan(&e.Key, &e.Op, &e.Token, &e.AuthServer, &e.Attempts, &created)
		e.Created = fromMicros(created)
		return e, err
	}, selectOutbox, rowLimit(limit))
}

// PutOutbox implements store.Tx.
func (t epsTx) PutOutbox(e store.OutboxEntry) error {
	_, err := t.write(putOutbox, e.Key, e.Op, e.Token, e.AuthServer, e.Attempts, micros(e.Created))
	return err
}

// DeleteOutbox implements store.Tx.
func (t epsTx) DeleteOutbox(key string) error {
	_, err := t.write(deleteOutbox, key)
	return err
}
