// Package row says how C rests in a token's row (the outer layer of TOK), and what is
// kept of a registration code beside its index.
//
// Start at Format. Of is the format of a profile: Bound for the default one, Literal
// for seed 000 §6.2 to the letter.
package row

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// Keyring finds the database key of the EPS's profile; *keys.Ring is one.
type Keyring interface {
	CurrentDBK() uint32
	DBK(ctx context.Context, version uint32) (hsm.Key, error)
}

// Format is one way to keep C. Its methods are called inside hsm.HSM.Do.
type Format interface {
	// Seal puts C into the row: it sets Format, DBKVersion and Sealed of a token that is
	// otherwise complete. The caller clears c.
	Seal(ctx context.Context, s *hsm.Session, t *reference.Token, c []byte) error
	// Open gives C as a handle that can only be wrapped. It fails for a row of another
	// format.
	Open(ctx context.Context, s *hsm.Session, t reference.Token) (hsm.Key, error)
	// SealCode gives what is kept of a registration code, as people get it, beside its
	// index; nil where nothing is.
	SealCode(ctx context.Context, s *hsm.Session, rc []byte) ([]byte, error)
	// Dated says that a row counts only while no newer version of it is in the audit.
	Dated() bool
}

// Of is the format in which an EPS of the profile keeps its rows.
func Of(p reference.Profile, k Keyring) Format {
	if p == reference.Literal {
		return Literal{k}
	}
	return Bound{k}
}

// Bound is the format row-kw: RFC 3394 under a key that is derived from DBK and all that
// the row belongs to. C never is in the host's memory after the enrolment, and opens in
// no other row.
type Bound struct{ Keys Keyring }

const boundName = "row-kw"

// Seal implements Format.
func (f Bound) Seal(ctx context.Context, s *hsm.Session, t *reference.Token, c []byte) error {
	t.Format, t.DBKVersion = boundName, f.Keys.CurrentDBK()
	dbk, bind, err := f.key(ctx, *t)
	if err != nil {
		return err
	}
	key, err := s.ImportC(c)
	if err != nil {
		return err
	}
	if t.Sealed, err = s.SealRow(dbk, bind, key); err != nil {
		return err
	}
	return s.Destroy(key)
}

// Open implements Format.
func (f Bound) Open(ctx context.Context, s *hsm.Session, t reference.Token) (hsm.Key, error) {
	if err := expect(t, boundName); err != nil {
		return hsm.Key{}, err
	}
	dbk, bind, err := f.key(ctx, t)
	if err != nil {
		return hsm.Key{}, err
	}
	return s.OpenRow(dbk, bind, t.Sealed, t.CLength)
}

func (f Bound) key(ctx context.Context, t reference.Token) (dbk hsm.Key, bind [32]byte, err error) {
	if dbk, err = dbkOf(ctx, f.Keys, t.DBKVersion); err != nil {
		return dbk, bind, err
	}
	bind, err = t.Binding()
	return dbk, bind, err
}

// SealCode implements Format: the keyed index is all that is kept.
func (Bound) SealCode(context.Context, *hsm.Session, []byte) ([]byte, error) { return nil, nil }

// Dated implements Format.
func (Bound) Dated() bool { return true }

func dbkOf(ctx context.Context, k Keyring, version uint32) (hsm.Key, error) {
	dbk, err := k.DBK(ctx, version)
	if err != nil {
		return hsm.Key{}, fmt.Errorf("DBK: %w", err)
	}
	return dbk, nil
}

// expect refuses a row of another format: whoever can write to the database chooses what
// stands in that column.
func expect(t reference.Token, name string) error {
	if t.Format != name {
		return fmt.Errorf("row of token %s is in format %.16q, not %s: %w", t.ID, t.Format, name, reference.ErrInvalid)
	}
	return nil
}
