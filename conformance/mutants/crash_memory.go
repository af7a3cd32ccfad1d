package mutants

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/store"
)

// silent leaves out messages of one kind.
type silent struct {
	store.Tx
	op string
}

func (tx silent) PutOutbox(e store.OutboxEntry) error {
	if e.Op == tx.op {
		return nil
	}
	return tx.Tx.PutOutbox(e)
}

// unremembering has never seen a message that it has carried out.
type unremembering struct{ store.AuthServer }

func (s unremembering) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.AuthServer.View(ctx, func(tx store.AuthReader) error { return fn(blank{tx}) })
}

type blank struct{ store.AuthReader }

func (blank) Message(string) (store.Message, error) { return store.Message{}, reference.ErrNotFound }

// countless counts wrong codes in memory.
type countless struct {
	store.EPS
	mu       sync.Mutex
	failures map[string]int // by locator
}

func (s *countless) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.EPS.Update(ctx, func(tx store.Tx) error { return fn(countlessTx{tx, s}) })
}

func (s *countless) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.EPS.View(ctx, func(tx store.Reader) error { return fn(countlessReader{tx, s}) })
}

type countlessTx struct {
	store.Tx
	s *countless
}

func (tx countlessTx) CountFailure(locator string, _ int) (reference.RegistrationCode, error) {
	tx.s.mu.Lock()
	tx.s.failures[locator]++
	tx.s.mu.Unlock()
	return countlessReader{tx.Tx, tx.s}.CodeByLocator(locator)
}

type countlessReader struct {
	store.Reader
	s *countless
}

func (r countlessReader) CodeByLocator(locator string) (reference.RegistrationCode, error) {
	c, err := r.Reader.CodeByLocator(locator)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	c.Failures = r.s.failures[locator]
	return c, err
}

// forgiving keeps rows with failures in memory until an OTP is accepted.
type forgiving struct {
	store.AuthServer
	mu   sync.Mutex
	rows map[reference.TokenID][]store.Credential // one version after the other
}

func (s *forgiving) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	return s.AuthServer.Update(ctx, func(tx store.AuthTx) error { return fn(forgivingTx{tx, s}) })
}

func (s *forgiving) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.AuthServer.View(ctx, func(tx store.AuthReader) error { return fn(forgivingReader{tx, s}) })
}

type forgivingTx struct {
	store.AuthTx
	s *forgiving
}

func (tx forgivingTx) UpdateCredential(c store.Credential) error {
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	tx.s.rows[c.Token] = append(tx.s.rows[c.Token], c)
	if c.Failures > 0 {
		return nil
	}
	for _, row := range tx.s.rows[c.Token] {
		if err := tx.AuthTx.UpdateCredential(row); err != nil {
			return err
		}
	}
	delete(tx.s.rows, c.Token)
	return nil
}

type forgivingReader struct {
	store.AuthReader
	s *forgiving
}

func (r forgivingReader) CredentialOf(service reference.Service, user reference.User) (store.Credential, error) {
	c, err := r.AuthReader.CredentialOf(service, user)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	if kept := r.s.rows[c.Token]; len(kept) > 0 && err == nil {
		return kept[len(kept)-1], nil
	}
	return c, err
}

// activeInMemory keeps the rows of tokens in memory from their activation on.
type activeInMemory struct {
	store.AuthServer
	mu   sync.Mutex
	rows map[reference.TokenID][]store.Credential // the newest last
}

func (s *activeInMemory) Update(ctx context.Context, fn func(store.AuthTx) error) error {
	return s.AuthServer.Update(ctx, func(tx store.AuthTx) error { return fn(activeTx{tx, s}) })
}

func (s *activeInMemory) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.AuthServer.View(ctx, func(tx store.AuthReader) error { return fn(activeReader{tx, s}) })
}

// newest is the row as this process knows it.
func (s *activeInMemory) newest(c store.Credential, err error) (store.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.rows[c.Token]; len(kept) > 0 && err == nil {
		return kept[len(kept)-1], nil
	}
	return c, err
}

type activeTx struct {
	store.AuthTx
	s *activeInMemory
}

func (tx activeTx) UpdateCredential(c store.Credential) error {
	old, err := tx.Credential(c.Token)
	if err != nil {
		return err
	}
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	if len(tx.s.rows[c.Token]) == 0 && (old.Activated || !c.Activated) {
		return tx.AuthTx.UpdateCredential(c)
	}
	tx.s.rows[c.Token] = append(tx.s.rows[c.Token], c)
	return nil
}

type activeReader struct {
	store.AuthReader
	s *activeInMemory
}

func (r activeReader) Credential(token reference.TokenID) (store.Credential, error) {
	return r.s.newest(r.AuthReader.Credential(token))
}

func (r activeReader) CredentialOf(service reference.Service, user reference.User) (store.Credential, error) {
	return r.s.newest(r.AuthReader.CredentialOf(service, user))
}

// lightOutbox keeps the messages of revocations in memory.
type lightOutbox struct {
	store.EPS
	mu      sync.Mutex
	entries map[string]store.OutboxEntry
}

func (s *lightOutbox) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.EPS.Update(ctx, func(tx store.Tx) error { return fn(lightTx{tx, s}) })
}

func (s *lightOutbox) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.EPS.View(ctx, func(tx store.Reader) error { return fn(lightReader{tx, s}) })
}

type lightTx struct {
	store.Tx
	s *lightOutbox
}

func (tx lightTx) PutOutbox(e store.OutboxEntry) error {
	if e.Op != string(plugin.Revoke) {
		return tx.Tx.PutOutbox(e)
	}
	tx.s.mu.Lock()
	defer tx.s.mu.Unlock()
	tx.s.entries[e.Key] = e
	return nil
}

func (tx lightTx) DeleteOutbox(key string) error {
	tx.s.mu.Lock()
	delete(tx.s.entries, key)
	tx.s.mu.Unlock()
	return tx.Tx.DeleteOutbox(key)
}

type lightReader struct {
	store.Reader
	s *lightOutbox
}

func (r lightReader) Outbox(limit int) ([]store.OutboxEntry, error) {
	entries, err := r.Reader.Outbox(limit)
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	kept := slices.SortedFunc(maps.Values(r.s.entries), func(a, b store.OutboxEntry) int { return strings.Compare(a.Key, b.Key) })
	return append(entries, kept...), err
}
