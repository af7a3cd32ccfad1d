package mpp

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
)

// literal is MPP v1, the protocol as seed 000 §6.3 has it (PROTOCOL-1.md): K1, K2 and
// the code come to the host, and the code has no locator.
type literal struct {
	*Server
	decoy literalRequest
}

type literalRequest struct {
	*Server
	wire1.Request
	h       []byte // SHA-256 of its bytes
	instead []byte // K1 ‖ K2 ‖ RC of the decoy, where it does not open
}

// nobodys is the decoy's code: 12 digits are none's.
const nobodys = "000000000000"

func newLiteral(s *Server) (protocol, error) {
	if !s.parts.HSM.Does(hsm.DecryptsRequests) {
		return nil, &reference.Hint{
			Err:  errors.New("the HSM cannot decrypt a request"),
			Text: "it can serve version 2 alone: leave 1 out of mpp.versions",
		}
	}
	instead := make([]byte, 2*wire1.KeySize, 2*wire1.KeySize+len(nobodys))
	if _, err := io.ReadFull(s.parts.Random, instead); err != nil {
		return nil, err
	}
	suite, block, err := s.decoyBlock(wire1.Version, cap(instead))
	decoy := literalRequest{s, wire1.Request{Suite: suite, Service: "decoy", OAEP: block}, make([]byte, sha256.Size), append(instead, nobodys...)}
	return literal{s, decoy}, err
}

func (literal) path() string { return wire1.Path }
func (literal) size() int    { return wire1.ResponseSize }

func (p literal) decode(body []byte) (request, string) {
	q, err := wire1.DecodeRequest(body)
	switch {
	case err != nil:
		return p.decoy, causeFormat
	case !p.ours(wire1.Version, q.KeyID, q.OAEP, q.Suite):
		return p.decoy, causeKey
	}
	h := sha256.Sum256(body)
	return literalRequest{p.Server, q, h[:], p.decoy.instead}, ""
}

func (r literalRequest) service() reference.Service { return r.Service }

// open has the HSM decrypt K1 ‖ K2 ‖ RC, and take K1 and K2 back as keys that do one
// thing each.
func (r literalRequest) open(ctx context.Context, ss *hsm.Session) (opened, error) {
	private, err := r.parts.Keys.MPPPrivate(ctx, wire1.Version)
	if err != nil {
		return opened{}, fmt.Errorf("MPP key: %w", err)
	}
	plain, err := ss.DecryptRequest(private, hsm.Suite(r.Suite), r.OAEP)
	defer clear(plain)
	if err != nil && !errors.Is(err, reference.ErrRefused) {
		return opened{}, err
	}
	o := opened{}
	if err != nil {
		o.why = causeOAEP
	}
	secrets, err := wire1.DecodeSecrets(plain)
	if err != nil {
		secrets = wire1.Secrets{K1: r.instead[:wire1.KeySize], K2: r.instead[wire1.KeySize : 2*wire1.KeySize], Code: r.instead[2*wire1.KeySize:]}
		if o.why == "" {
			o.why = causeSecrets
		}
	}
	o.code = bytes.Clone(secrets.Code)
	o.keys, err = ss.ImportSession(secrets.K1, secrets.K2)
	return o, err
}

func (r literalRequest) answer(ss *hsm.Session, keys hsm.Request, g wire.Grant) ([]byte, error) {
	body, err := wire1.Answer{
		Name: wire.Name, Version: wire1.Version, Suite: r.Suite, KeyID: r.parts.Keys.KeyID(wire1.Version), H: r.h, Grant: g,
	}.Body()
	if err != nil {
		return nil, fmt.Errorf("token %s: %w", g.Token, err)
	}
	mac, err := ss.MAC(keys.Kt, crypto.SHA256, body)
	if err != nil {
		return nil, err
	}
	return wire.Encode(wire1.Response{Body: body, MAC: mac})
}
