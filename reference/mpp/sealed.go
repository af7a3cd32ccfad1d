package mpp

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// sealed is MPP v2 (PROTOCOL.md): the EPS never holds the keys of a session.
type sealed struct {
	*Server
	decoy sealedRequest
}

type sealedRequest struct {
	*Server
	header wire.RequestHeader
	h1     []byte
	box    []byte
}

func newSealed(s *Server) (protocol, error) {
	header, err := s.decoyHeader()
	return sealed{s, sealedRequest{s, header, make([]byte, sha256.Size), make([]byte, wire.RequestBox)}}, err
}

// decoyHeader holds an S that opens.
func (s *Server) decoyHeader() (wire.RequestHeader, error) {
	suite, block, err := s.decoyBlock(wire.Version, wire.KeySize)
	if err != nil {
		return wire.RequestHeader{}, err
	}
	ephemeral, err := wire.Ephemeral(s.parts.Random)
	if err != nil {
		return wire.RequestHeader{}, err
	}
	return wire.RequestHeader{Suite: suite, Service: "decoy", EC: ephemeral.PublicKey().Bytes(), OAEP: block}, nil
}

func (sealed) path() string { return wire.Path }
func (sealed) size() int    { return wire.ResponseSize }

func (p sealed) decode(body []byte) (request, string) {
	q, h, err := wire.DecodeRequest(body)
	switch {
	case err != nil:
		return p.decoy, causeFormat
	case !p.ours(wire.Version, h.KeyID, h.OAEP, h.Suite):
		return p.decoy, causeKey
	}
	h1 := sha256.Sum256(q.Header)
	return sealedRequest{p.Server, h, h1[:], q.Box}, ""
}

func (r sealedRequest) service() reference.Service { return r.header.Service }

// open unwraps S and opens the box. Where S does not open, the HSM gives the keys of a
// decoy; no locator holds a U, so that nobody has that of the decoy.
func (r sealedRequest) open(ctx context.Context, ss *hsm.Session) (opened, error) {
	o := opened{locator: "UUUUUUUU", code: []byte("00000000000")}
	private, err := r.parts.Keys.MPPPrivate(ctx, wire.Version)
	if err != nil {
		return o, fmt.Errorf("MPP key: %w", err)
	}
	o.keys, err = ss.OpenRequest(private, hsm.Suite(r.header.Suite), r.header.OAEP)
	if errors.Is(err, reference.ErrRefused) {
		o.why, err = causeOAEP, nil
	}
	if err != nil {
		return o, err
	}
	mac, err := ss.MAC(o.keys.Kt, crypto.SHA256, wire.RequestMAC(r.h1))
	defer clear(mac)
	if err != nil {
		return o, err
	}
	key, err := wire.RequestKey(mac)
	defer clear(key)
	if err != nil {
		return o, fmt.Errorf("derive K_req: %w", err)
	}
	ask, err := wire.OpenAsk(key, r.h1, r.box)
	switch {
	case err == nil:
		o.locator, o.code = ask.Locator, ask.Code
	case o.why == "":
		o.why = causeBox
	}
	return o, nil
}

func (r sealedRequest) answer(ss *hsm.Session, keys hsm.Request, g wire.Grant) ([]byte, error) {
	ephemeral, err := wire.Ephemeral(r.parts.Random)
	if err != nil {
		return nil, err
	}
	header, err := wire.Encode(wire.ResponseHeader{
		Name: wire.Name, Version: wire.Version, Suite: r.header.Suite, KeyID: r.parts.Keys.KeyID(wire.Version),
		H1: r.h1, ES: ephemeral.PublicKey().Bytes(),
	})
	if err != nil {
		return nil, err
	}
	h2 := sha256.Sum256(header)
	mac, err := ss.MAC(keys.Kt, crypto.SHA256, wire.ResponseMAC(h2[:]))
	defer clear(mac)
	if err != nil {
		return nil, err
	}
	z, err := wire.Shared(ephemeral, r.header.EC)
	defer clear(z)
	if err != nil {
		return nil, err
	}
	key, err := wire.ResponseKey(z, mac)
	defer clear(key)
	if err != nil {
		return nil, fmt.Errorf("derive K_rsp: %w", err)
	}
	box, err := g.Seal(key, h2[:])
	if err != nil {
		return nil, fmt.Errorf("token %s: %w", g.Token, err)
	}
	return wire.Encode(wire.Response{Header: header, Box: box})
}
