package mpp

import (
	"context"
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// Causes of refusals that are found before a row is judged, and after. Those of the
// row are the names of its rules.
const (
	causeFormat  = "malformed"
	causeKey     = "another key or suite"
	causeOAEP    = "RSA block does not open"
	causeBox     = "box does not open"
	causeSecrets = "degenerate keys or no code" // v1
	causeRow     = "row does not open"
	causeAudit   = "audit of the row was changed"
	causeRace    = "state has changed"
)

// attempt is one request on its way. Where it lacks something, the decoy's is in its
// place.
type attempt struct {
	source  string
	version int
	request request
	opened
	known  bool // the request has opened: the sender knows the EPS's key
	row    Row
	w      []byte
	ticket []byte // empty where the token is to be activated by none
	kept   []byte // what the database keeps of it
	answer []byte
	cause  string // the first thing that was wrong; empty while nothing is
}

// fail notes what is wrong, unless something was before.
func (a *attempt) fail(cause string) {
	if a.cause == "" {
		a.cause = cause
	}
}

// open is steps 3 and 4.
func (s *Server) open(ctx context.Context, ss *hsm.Session, a *attempt) (err error) {
	if a.opened, err = a.request.open(ctx, ss); err != nil {
		return err
	}
	a.fail(a.why)
	a.known = a.cause == ""
	return nil
}

// find is steps 5 and 6: the row of the code, judged. The index is computed and
// compared for every request, also where there is no such row.
func (s *Server) find(ctx context.Context, ss *hsm.Session, a *attempt) error {
	index, err := s.index(ctx, ss, a)
	if err != nil {
		return err
	}
	row, err := s.look(ctx, a.locator, index)
	if err != nil {
		return err
	}
	row.Match = hmac.Equal(index, row.Code.Index)
	row.Now, row.Service, row.MPP, row.Tries = s.parts.Clock.Now(), a.request.service(), a.version, s.config.CodeTries
	a.row = row
	for _, r := range s.parts.Rules {
		if r.Broken(row) {
			a.fail(r.Name)
		}
	}
	return s.attest(ctx, ss, a)
}

// index is the keyed index of the request's code.
func (s *Server) index(ctx context.Context, ss *hsm.Session, a *attempt) ([]byte, error) {
	idx, err := s.parts.Keys.IDX(ctx)
	if err != nil {
		return nil, fmt.Errorf("IDX: %w", err)
	}
	input, err := reference.CodeIndex(a.request.service(), a.locator, a.code)
	defer clear(input)
	if err != nil {
		return nil, err
	}
	return ss.MAC(idx, crypto.SHA256, input)
}

// look reads what there is under a locator, or under an index where the version has no
// locators, with the same queries for every one.
func (s *Server) look(ctx context.Context, locator string, index []byte) (Row, error) {
	var row Row
	err := s.parts.Store.View(ctx, func(tx store.Reader) (err error) {
		row = Row{}
		if locator == "" {
			row.Code, err = tx.CodeByIndex(index)
		} else {
			row.Code, err = tx.CodeByLocator(locator)
		}
		if missing(err) {
			return err
		}
		row.Found = err == nil
		if row.Token, err = tx.Token(row.Code.Token); missing(err) {
			return err
		}
		if s.parts.Activator != nil {
			if row.Ticket, err = tx.Ticket(row.Code.Token); missing(err) {
				return err
			}
		}
		if row.Newest, err = s.newest(tx, row.Token); missing(err) {
			return err
		}
		return nil
	})
	return row, err
}

// newest is the row version that a token is due to have.
func (s *Server) newest(tx store.Reader, t reference.Token) (uint64, error) {
	version, err := tx.RowVersion(t.ID)
	if err == nil && !s.parts.Rows.Dated() {
		return t.RowVersion, nil
	}
	return version, err
}

// missing holds for errors other than that there is nothing.
func missing(err error) bool { return err != nil && !errors.Is(err, reference.ErrNotFound) }

// deliver is step 7: C stays a handle.
func (s *Server) deliver(ctx context.Context, ss *hsm.Session, a *attempt) error {
	t := a.row.Token
	if a.cause != "" {
		t = s.decoy
	}
	c, err := s.parts.Rows.Open(ctx, ss, t)
	if err != nil { // a row of another token or time, or a lost session, which the decoy will show
		s.parts.Log.WarnContext(ctx, "provisioning: row does not open", "token", t.ID, "error", err)
		a.fail(causeRow)
		if c, err = s.parts.Rows.Open(ctx, ss, s.decoy); err != nil {
			return err
		}
	}
	if a.cause != "" {
		a.row.Token = s.decoy
	}
	if a.w, err = ss.Deliver(a.keys.Kc, c); err != nil {
		return err
	}
	return ss.Destroy(c)
}

// respond is the building of step 9. The answer leaves only after step 8.
func (s *Server) respond(_ context.Context, ss *hsm.Session, a *attempt) (err error) {
	if a.answer, err = a.request.answer(ss, a.keys, s.grantOf(a)); err != nil {
		return err
	}
	return ss.Destroy(a.keys.Kt, a.keys.Kc)
}
