package mpp

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// Witness holds a token's row against the audit, which whoever can write to the database
// cannot seal.
type Witness interface {
	// Attest gives audit.ErrTampered where a record of the token is not as it was sealed, or
	// tells of a newer row. For nil it does the same work in the HSM.
	Attest(ctx context.Context, ss *hsm.Session, t *reference.Token) error
}

// sealedRecords is the audit's own.
type sealedRecords struct {
	store store.EPS
	keys  interface {
		Audit(ctx context.Context) (hsm.Key, error)
	}
}

// leastGroups hold the records of a token that can be delivered: one that it is being
// enrolled, one that it is issued. There are more where phones have failed.
const leastGroups = 2

func (w sealedRecords) Attest(ctx context.Context, ss *hsm.Session, t *reference.Token) error {
	key, err := w.keys.Audit(ctx)
	if err != nil {
		return fmt.Errorf("audit key: %w", err)
	}
	mac := func(_ context.Context, data []byte) ([]byte, error) { return ss.MAC(key, crypto.SHA256, data) }
	var groups []audit.Sealed
	var wrong error
	if t != nil {
		if groups, wrong, err = w.read(ctx, *t); err != nil {
			return err
		}
	}
	for len(groups) < leastGroups {
		groups = append(groups, audit.Sealed{})
	}
	for _, g := range groups {
		err := g.Check(ctx, mac)
		switch {
		case err == nil || g.Records == nil: // nobody's
		case errors.Is(err, audit.ErrTampered):
			wrong = errors.Join(wrong, err)
		default:
			return err
		}
	}
	return wrong
}

// read gives the groups of a token's records, and what is wrong with them beside their MACs.
func (w sealedRecords) read(ctx context.Context, t reference.Token) (groups []audit.Sealed, wrong, err error) {
	var newest uint64
	err = w.store.View(ctx, func(tx store.Reader) (err error) {
		groups, newest, err = audit.OfToken(tx, t.ID)
		return err
	})
	switch {
	case errors.Is(err, audit.ErrTampered):
		return nil, err, nil
	case err == nil && newest != t.RowVersion:
		wrong = fmt.Errorf("token %s has row %d, its audit %d: %w", t.ID, t.RowVersion, newest, audit.ErrTampered)
	}
	return groups, wrong, err
}

// attest is the end of step 6, for rows that count only while they are the newest.
func (s *Server) attest(ctx context.Context, ss *hsm.Session, a *attempt) error {
	if !s.parts.Rows.Dated() {
		return nil
	}
	var token *reference.Token
	if a.cause == "" {
		token = &a.row.Token
	}
	err := s.parts.Witness.Attest(ctx, ss, token)
	if errors.Is(err, audit.ErrTampered) {
		s.parts.Log.ErrorContext(ctx, "provisioning: the audit does not bear the row out", "event", "tampered", "token", a.row.Token.ID, "error", err)
		a.fail(causeAudit)
		return nil
	}
	return err
}
