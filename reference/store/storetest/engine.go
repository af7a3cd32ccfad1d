// Package storetest is the one suite that every driver of the store passes. A driver's
// test says how to make a database and hands over:
//
//	storetest.TestEPS(t, storetest.Engine{New: …, OpenEPS: sqlite.OpenEPS, …})
//
// Start at TestEPS.
package storetest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sql"
)

// Engine is a driver under test.
type Engine struct {
	// New makes an empty database and says where it is.
	New            func(t testing.TB) (location string)
	OpenEPS        func(ctx context.Context, location string) (store.EPS, error)
	OpenAuthServer func(ctx context.Context, location string) (store.AuthServer, error)
	// Config opens the engine underneath, for "eps" or "authserver".
	Config func(ctx context.Context, location, name string) (sql.Config, error)
	// Plan gives how the engine would run a statement, and whether by an index.
	Plan func(t testing.TB, c sql.Config, query string, args []any) (plan string, indexed bool)
	// Analyze brings the planner's statistics up to date.
	Analyze string
}

// node is the name of the chain in these tests.
const node = "eps-1"

// now is a time with every digit of a microsecond used.
var now = time.Date(2026, 11, 22, 10, 11, 12, 123457000, time.UTC)

// open opens the EPS at a location, with a chain of its own.
func (e Engine) open(t testing.TB, location string) store.EPS {
	t.Helper()
	st, err := e.OpenEPS(context.Background(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	st.SetSealer(audit.New(node, softwareMAC, audit.FileAnchor(filepath.Join(t.TempDir(), "anchor"))))
	return st
}

func (e Engine) openAuthServer(t testing.TB, location string) store.AuthServer {
	t.Helper()
	st, err := e.OpenAuthServer(context.Background(), location)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// raw opens the engine beside the store.
func (e Engine) raw(t testing.TB, location, name string) sql.Config {
	t.Helper()
	c, err := e.Config(context.Background(), location, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(c.Write.Close(), c.Read.Close()) })
	return c
}

// softwareMAC stands where the HSM's key is in an EPS.
func softwareMAC(_ context.Context, data []byte) ([]byte, error) {
	h := hmac.New(sha256.New, []byte("a key for the tests of the store"))
	h.Write(data)
	return h.Sum(nil), nil
}

// update and view fail the test on any error.
func update(t testing.TB, st store.EPS, fn func(store.Tx) error) {
	t.Helper()
	if err := st.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, st store.EPS, fn func(store.Reader) error) {
	t.Helper()
	if err := st.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// want compares errors as callers do.
func want(t testing.TB, what string, got, wanted error) {
	t.Helper()
	if !errors.Is(got, wanted) || (wanted == nil && got != nil) {
		t.Errorf("%s: got error %v, want %v", what, got, wanted)
	}
}

// tokenID gives a different id for every name and number.
func tokenID(name string, n int) reference.TokenID {
	return reference.TokenID(fmt.Sprintf("%-18.18s%08d", name, n))
}

// newToken is an issued token of its own user.
func newToken(name string, n int) reference.Token {
	return reference.Token{
		ID: tokenID(name, n), Service: "bank.example", User: reference.User(fmt.Sprintf("%s %d", name, n)),
		State: reference.Issued, Suite: "HOTP-SHA256-6", AuthServer: "as-1", Format: "row-kw",
		Direction: reference.Encrypt, TOKLength: 32, CLength: 32, Salt: []byte("0123456789abcdef"),
		KDF: "pbkdf2-hmac-sha256", Iterations: 100_000, PINDigits: 6, DBKVersion: 1, TRKVersion: 1,
		RowVersion: 1, Sealed: []byte(strings.Repeat("\x00\xff", 20)), Created: now, Updated: now,
	}
}

// newCode is a live code of a token, good for an hour.
func newCode(token reference.TokenID, locator string) reference.RegistrationCode {
	return reference.RegistrationCode{
		Locator: locator, Index: fmt.Appendf(nil, "\x00keyed index of a code, %8s", locator), MPP: 2,
		Token: token, Service: "bank.example",
		State: reference.CodeLive, Expires: now.Add(time.Hour), Created: now,
	}
}
