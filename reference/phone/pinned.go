// Package phone is the mobile SDK's part of the security target, as a Go client:
// it asks an EPS for a token with a registration code and makes OTPs, or responses to
// questions, from the token and a PIN.
//
// Start at Provision, or at BuildRequest and Session.Accept for the bytes of MPP v2 alone
// (BuildRequestV1 for v1); Device is what stays on the phone. There is no notion of a right PIN here: any PIN gives
// an OTP or a response (seed 000 §6.1).
package phone

import (
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference/api/strict"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
)

// DefaultMinIterations is the least PBKDF2 work that a phone accepts where its
// configuration does not say otherwise.
const DefaultMinIterations = 100_000

// maxFile bounds the JSON files of this package, in bytes.
const maxFile = 64 << 10

// ErrPinned is a configuration that cannot be used.
var ErrPinned = errors.New("pinned configuration")

// Pinned is what the application carries for its EPS. It comes with the
// application, never from the network.
type Pinned struct {
	EPS           string `json:"eps"`              // name that the grant must bear
	URL           string `json:"url,omitempty"`    // of POST /mpp/v2, https
	CA            string `json:"ca,omitempty"`     // PEM certificates that the TLS server must chain to
	Key           string `json:"key,omitempty"`    // PEM SubjectPublicKeyInfo, RSA; empty where the EPS has v1 alone
	KeyID         []byte `json:"key_id,omitempty"` // kid of PROTOCOL.md §2, base64
	Suite         uint64 `json:"suite"`            // of PROTOCOL.md §2, in both versions
	MinVersion    uint8  `json:"min_version"`      // lowest MPP version accepted
	MinIterations int    `json:"min_iterations"`   // least PBKDF2 iterations accepted

	// V1 is for codes of MPP v1, which the phone takes only where MinVersion is 1.
	V1 *PinnedV1 `json:"v1,omitempty"`
}

// PinnedV1 is what v1 has of its own.
type PinnedV1 struct {
	URL   string `json:"url,omitempty"` // of POST /mpp/v1, https
	Key   string `json:"key"`
	KeyID []byte `json:"key_id"`
}

// NewPinned makes the configuration of an EPS with this name, OAEP suite, and keys of MPP
// v2 and v1. One of the two may be nil: a phone of an EPS that has v1 accepts it.
func NewPinned(eps string, suite uint64, v2, v1 *rsa.PublicKey) (Pinned, error) {
	p := Pinned{EPS: eps, Suite: suite, MinVersion: wire.Version, MinIterations: DefaultMinIterations}
	var err error
	if v2 != nil {
		if p.Key, p.KeyID, err = encodeKey(v2); err != nil {
			return Pinned{}, err
		}
	}
	if v1 != nil {
		p.MinVersion, p.V1 = wire1.Version, &PinnedV1{}
		if p.V1.Key, p.V1.KeyID, err = encodeKey(v1); err != nil {
			return Pinned{}, err
		}
	}
	return p, nil
}

func encodeKey(key *rsa.PublicKey) (text string, kid []byte, err error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", nil, fmt.Errorf("%w: key: %w", ErrPinned, err)
	}
	if kid, err = wire.KeyID(key); err != nil {
		return "", nil, fmt.Errorf("%w: %w", ErrPinned, err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), kid, nil
}

// DecodePinned reads the JSON form strictly and checks it.
func DecodePinned(data []byte) (Pinned, error) {
	var p Pinned
	if len(data) > maxFile {
		return p, fmt.Errorf("%w: more than %d bytes", ErrPinned, maxFile)
	}
	if err := strict.JSON(data, &p); err != nil {
		return p, fmt.Errorf("%w: %w", ErrPinned, err)
	}
	return p, p.check()
}

// check refuses what does not hold together, and what has no key for any version.
func (p Pinned) check() error {
	if p.V1 == nil {
		_, err := p.key()
		return err
	}
	if _, err := p.keyV1(); err != nil || p.Key == "" {
		return err
	}
	_, err := p.key()
	return err
}

// key gives the RSA key of v2.
func (p Pinned) key() (*rsa.PublicKey, error) { return p.keyOf(p.Key, p.KeyID) }

// keyV1 gives the RSA key of v1, which a phone with a higher minimum never uses.
func (p Pinned) keyV1() (*rsa.PublicKey, error) {
	if p.V1 == nil || p.MinVersion > wire1.Version {
		return nil, fmt.Errorf("%w: MPP v1 is below the minimum version", ErrPinned)
	}
	return p.keyOf(p.V1.Key, p.V1.KeyID)
}

// keyOf gives an RSA key of a configuration that holds together.
func (p Pinned) keyOf(text string, id []byte) (*rsa.PublicKey, error) {
	key, err := parseKey(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPinned, err)
	}
	kid, err := wire.KeyID(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPinned, err)
	}
	rules := []struct {
		holds bool
		text  string
	}{
		{subtle.ConstantTimeCompare(kid, id) == 1, "key_id is not that of key"},
		{p.Suite == wire.SuiteSHA256 || p.Suite == wire.SuiteSHA1, "suite must be 1 or 2"},
		{p.EPS != "" && len(p.EPS) <= 64, "eps must be 1 to 64 bytes"},
		{p.MinVersion >= 1 && p.MinVersion <= wire.Version, "min_version must be 1 or 2"},
		{p.MinIterations >= 1, "min_iterations must be at least 1"},
	}
	for _, r := range rules {
		if !r.holds {
			return nil, fmt.Errorf("%w: %s", ErrPinned, r.text)
		}
	}
	return key, nil
}

func parseKey(text string) (*rsa.PublicKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "PUBLIC KEY" || len(rest) != 0 {
		return nil, errors.New("key is not one PEM PUBLIC KEY")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 || key.N.BitLen() > 4096 {
		return nil, errors.New("key must be RSA of 2048 to 4096 bits")
	}
	return key, nil
}
