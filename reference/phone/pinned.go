// Package phone is the mobile SDK's part of the security target, as a Go client:
// it asks an EPS for a token with a registration code and makes OTPs from the
// token and a PIN.
//
// Start at Provision, or at NewSession and Session.Accept for the bytes alone; Device
// is what stays on the phone. There is no notion of a right PIN here: any PIN gives
// an OTP (seed 000 §6.1).
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
	EPS           string `json:"eps"`            // name that the grant must bear
	URL           string `json:"url,omitempty"`  // of POST /mpp/v2, https
	CA            string `json:"ca,omitempty"`   // PEM certificates that the TLS server must chain to
	Key           string `json:"key"`            // PEM SubjectPublicKeyInfo, RSA
	KeyID         []byte `json:"key_id"`         // kid of PROTOCOL.md §2, base64
	Suite         uint64 `json:"suite"`          // of PROTOCOL.md §2
	MinVersion    uint8  `json:"min_version"`    // lowest MPP version accepted
	MinIterations int    `json:"min_iterations"` // least PBKDF2 iterations accepted
}

// NewPinned makes the configuration of an EPS with this name, key and OAEP suite.
func NewPinned(eps string, key *rsa.PublicKey, suite uint64) (Pinned, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return Pinned{}, fmt.Errorf("%w: key: %w", ErrPinned, err)
	}
	kid, err := wire.KeyID(key)
	if err != nil {
		return Pinned{}, fmt.Errorf("%w: %w", ErrPinned, err)
	}
	return Pinned{
		EPS: eps, KeyID: kid, Suite: suite,
		Key:        string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		MinVersion: wire.Version, MinIterations: DefaultMinIterations,
	}, nil
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
	_, err := p.key()
	return p, err
}

// key gives the RSA key of a configuration that holds together.
func (p Pinned) key() (*rsa.PublicKey, error) {
	key, err := parseKey(p.Key)
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
		{subtle.ConstantTimeCompare(kid, p.KeyID) == 1, "key_id is not that of key"},
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
