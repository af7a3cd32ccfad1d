package mpp

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/store"
)

// Causes of refusals that are found before a row is judged, and after. Those of the
// row are the names of its rules.
const (
	causeFormat = "malformed"
	causeKey    = "another key or suite"
	causeOAEP   = "S does not open"
	causeBox    = "box does not open"
	causeRow    = "row does not open"
	causeRace   = "state has changed"
)

// attempt is one request on its way. Where it lacks something, the decoy's is in its
// place.
type attempt struct {
	source string
	header wire.RequestHeader
	h1     []byte
	box    []byte
	ask    wire.Ask
	known  bool // the box has opened: the sender knows the EPS's key
	row    Row
	w      []byte
	answer []byte
	cause  string // the first thing that was wrong; empty while nothing is
}

// fail notes what is wrong, unless something was before.
func (a *attempt) fail(cause string) {
	if a.cause == "" {
		a.cause = cause
	}
}

// decode is step 2: CBOR, sizes, point, key and suite.
func (s *Server) decode(body []byte) *attempt {
	q, h, err := wire.DecodeRequest(body)
	if err != nil {
		a := s.decoy.attempt()
		a.fail(causeFormat)
		return a
	}
	if !s.ours(h) {
		a := s.decoy.attempt()
		a.fail(causeKey)
		return a
	}
	h1 := sha256.Sum256(q.Header)
	return &attempt{header: h, h1: h1[:], box: q.Box}
}

// ours says whether a header is under this EPS's key, in a suite that its HSM has.
func (s *Server) ours(h wire.RequestHeader) bool {
	if !hmac.Equal(h.KeyID, s.parts.Keys.KeyID()) || len(h.OAEP) != s.parts.Keys.MPPPublic().Size() {
		return false
	}
	for _, suite := range s.parts.HSM.Suites() {
		if uint64(suite) == h.Suite {
			return true
		}
	}
	return false
}

// unwrap is step 3. Where S does not open, the HSM gives the keys of a decoy.
func (s *Server) unwrap(ctx context.Context, ss *hsm.Session, a *attempt) (hsm.Request, error) {
	private, err := s.parts.Keys.MPPPrivate(ctx)
	if err != nil {
		return hsm.Request{}, fmt.Errorf("MPP key: %w", err)
	}
	keys, err := ss.OpenRequest(private, hsm.Suite(a.header.Suite), a.header.OAEP)
	if errors.Is(err, reference.ErrRefused) {
		a.fail(causeOAEP)
		return keys, nil
	}
	return keys, err
}

// openBox is step 4.
func (s *Server) openBox(_ context.Context, ss *hsm.Session, keys hsm.Request, a *attempt) error {
	mac, err := ss.MAC(keys.Kt, crypto.SHA256, wire.RequestMAC(a.h1))
	defer clear(mac)
	if err != nil {
		return err
	}
	key, err := wire.RequestKey(mac)
	defer clear(key)
	if err != nil {
		return fmt.Errorf("derive K_req: %w", err)
	}
	ask, err := wire.OpenAsk(key, a.h1, a.box)
	if err != nil {
		a.fail(causeBox)
		ask = s.decoy.ask()
	}
	a.ask, a.known = ask, a.cause == ""
	return nil
}

// find is steps 5 and 6: the row of the locator, judged. The index is computed and
// compared for every request, also where there is no such row.
func (s *Server) find(ctx context.Context, ss *hsm.Session, _ hsm.Request, a *attempt) error {
	row, err := s.look(ctx, a.ask.Locator)
	if err != nil {
		return err
	}
	idx, err := s.parts.Keys.IDX(ctx)
	if err != nil {
		return fmt.Errorf("IDX: %w", err)
	}
	input, err := reference.CodeIndex(a.header.Service, a.ask.Locator, a.ask.Code)
	defer clear(input)
	if err != nil {
		return err
	}
	index, err := ss.MAC(idx, crypto.SHA256, input)
	if err != nil {
		return err
	}
	row.Match = hmac.Equal(index, row.Code.Index)
	row.Now, row.Service, row.Tries = s.parts.Clock.Now(), a.header.Service, s.config.CodeTries
	a.row = row
	for _, r := range s.parts.Rules {
		if r.Broken(row) {
			a.fail(r.Name)
		}
	}
	return nil
}

// look reads what there is under a locator, with the same queries for every one.
func (s *Server) look(ctx context.Context, locator string) (Row, error) {
	var row Row
	err := s.parts.Store.View(ctx, func(tx store.Reader) (err error) {
		row = Row{}
		if row.Code, err = tx.CodeByLocator(locator); missing(err) {
			return err
		}
		row.Found = err == nil
		if row.Token, err = tx.Token(row.Code.Token); missing(err) {
			return err
		}
		if row.Newest, err = tx.RowVersion(row.Code.Token); missing(err) {
			return err
		}
		return nil
	})
	return row, err
}

// missing holds for errors other than that there is nothing.
func missing(err error) bool { return err != nil && !errors.Is(err, reference.ErrNotFound) }

// deliver is step 7: C stays a handle.
func (s *Server) deliver(ctx context.Context, ss *hsm.Session, keys hsm.Request, a *attempt) error {
	t := a.row.Token
	if a.cause != "" {
		t = s.decoy.token
	}
	c, err := s.open(ctx, ss, t)
	if err != nil { // a row of another token or time, or a lost session, which the decoy will show
		s.parts.Log.WarnContext(ctx, "provisioning: row does not open", "token", t.ID, "error", err)
		a.fail(causeRow)
		if c, err = s.open(ctx, ss, s.decoy.token); err != nil {
			return err
		}
	}
	if a.cause != "" {
		a.row.Token = s.decoy.token
	}
	if a.w, err = ss.Deliver(keys.Kc, c); err != nil {
		return err
	}
	return ss.Destroy(c)
}

func (s *Server) open(ctx context.Context, ss *hsm.Session, t reference.Token) (hsm.Key, error) {
	dbk, err := s.parts.Keys.DBK(ctx, t.DBKVersion)
	if err != nil {
		return hsm.Key{}, fmt.Errorf("DBK: %w", err)
	}
	bind, err := t.Binding()
	if err != nil {
		return hsm.Key{}, err
	}
	return ss.OpenRow(dbk, bind, t.Sealed, t.CLength)
}

// answer builds the response of step 9. It leaves only after step 8.
func (s *Server) answer(_ context.Context, ss *hsm.Session, keys hsm.Request, a *attempt) error {
	ephemeral, err := wire.Ephemeral(s.parts.Random)
	if err != nil {
		return err
	}
	header, err := wire.Encode(wire.ResponseHeader{
		Name: wire.Name, Version: wire.Version, Suite: a.header.Suite, KeyID: s.parts.Keys.KeyID(),
		H1: a.h1, ES: ephemeral.PublicKey().Bytes(),
	})
	if err != nil {
		return err
	}
	h2 := sha256.Sum256(header)
	mac, err := ss.MAC(keys.Kt, crypto.SHA256, wire.ResponseMAC(h2[:]))
	defer clear(mac)
	if err != nil {
		return err
	}
	z, err := wire.Shared(ephemeral, a.header.EC)
	defer clear(z)
	if err != nil {
		return err
	}
	key, err := wire.ResponseKey(z, mac)
	defer clear(key)
	if err != nil {
		return fmt.Errorf("derive K_rsp: %w", err)
	}
	box, err := s.grantOf(a).Seal(key, h2[:])
	if err != nil {
		return fmt.Errorf("token %s: %w", a.row.Token.ID, err)
	}
	a.answer, err = wire.Encode(wire.Response{Header: header, Box: box})
	return err
}
