package row

import (
	"context"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// Literal is the format st-2.6.1, what seed 000 §6.2 lists and no more: ((TOK)KEK)DBK
// and (RC)DBK by AES-CBC. There is no MAC, nothing binds a value to its row (§6.4: no
// integrity by design), and C passes through the host when it is delivered.
type Literal struct{ Keys Keyring }

// Seal implements Format.
func (f Literal) Seal(ctx context.Context, s *hsm.Session, t *reference.Token, c []byte) error {
	t.Format, t.DBKVersion = string(reference.Literal), f.Keys.CurrentDBK()
	dbk, err := dbkOf(ctx, f.Keys, t.DBKVersion)
	if err != nil {
		return err
	}
	t.Sealed, err = s.SealValue(dbk, hsm.WholeBlocks, c)
	return err
}

// Open implements Format. Any value of the right length opens.
func (f Literal) Open(ctx context.Context, s *hsm.Session, t reference.Token) (hsm.Key, error) {
	if err := expect(t, string(reference.Literal)); err != nil {
		return hsm.Key{}, err
	}
	dbk, err := dbkOf(ctx, f.Keys, t.DBKVersion)
	if err != nil {
		return hsm.Key{}, err
	}
	c, err := s.OpenValue(dbk, hsm.WholeBlocks, t.Sealed)
	defer clear(c)
	if err != nil {
		return hsm.Key{}, err
	}
	if len(c) != t.CLength {
		return hsm.Key{}, fmt.Errorf("row of token %s: C has %d bytes, not %d: %w", t.ID, len(c), t.CLength, reference.ErrInvalid)
	}
	return s.ImportC(c)
}

// SealCode implements Format: nothing decrypts it again.
func (f Literal) SealCode(ctx context.Context, s *hsm.Session, rc []byte) ([]byte, error) {
	dbk, err := dbkOf(ctx, f.Keys, f.Keys.CurrentDBK())
	if err != nil {
		return nil, err
	}
	return s.SealValue(dbk, hsm.Padded, rc)
}

// Dated implements Format: the text knows no protection against a row that is put back.
func (Literal) Dated() bool { return false }
