package authclient

import (
	"context"
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"net/http"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/oath"
)

// Seed is an OATH secret in clear, as the importer has it.
type Seed struct {
	Service reference.Service
	User    reference.User
	Suite   string
	Counter uint64 // of suites that count: the first one expected
	Secret  reference.Secret

	PINHash   []byte // of OCRA suites with a PIN; it travels under TLS alone
	PINDigits int    // of that PIN
}

// Import wraps a seed for the server's HSM and hands it over. What it makes of the
// secret on the way is cleared; the secret itself is the caller's.
func (c *Client) Import(ctx context.Context, seed Seed) (reference.TokenID, error) {
	var key authserver.ImportKeyAnswer
	if err := c.call(ctx, http.MethodGet, "/v1/import-key", nil, &key); err != nil {
		return "", err
	}
	in, err := Wrap(key, seed)
	if err != nil {
		return "", fmt.Errorf("import: %w", err)
	}
	var out authserver.ImportAnswer
	err = c.call(ctx, http.MethodPost, "/v1/import", in, &out)
	return out.Token, err
}

// Wrap makes the body of an import: the seed under a fresh import key, and that one
// under the server's public key.
func Wrap(to authserver.ImportKeyAnswer, seed Seed) (authserver.ImportRequest, error) {
	suite, err := oath.ParseSuite(seed.Suite)
	if err != nil {
		return authserver.ImportRequest{}, err
	}
	key := make([]byte, 32)
	defer clear(key)
	if _, err := rand.Read(key); err != nil {
		return authserver.ImportRequest{}, err
	}
	wrapped, err := oaep(to, key)
	if err != nil {
		return authserver.ImportRequest{}, err
	}
	padded := make([]byte, authserver.PaddedLength(suite, seed.Secret.Len()))
	defer clear(padded)
	copy(padded, seed.Secret.Bytes())
	secret, err := wrap3394(key, padded)
	return authserver.ImportRequest{
		Service: seed.Service, User: seed.User, Suite: seed.Suite, Counter: seed.Counter,
		Length: seed.Secret.Len(), Key: wrapped, Secret: secret, PINHash: seed.PINHash, PINDigits: seed.PINDigits,
	}, err
}

var oaepHashes = map[string]func() hash.Hash{"sha256": sha256.New, "sha1": sha1.New}

var errImportKey = errors.New("not an import key")

func oaep(to authserver.ImportKeyAnswer, key []byte) ([]byte, error) {
	block, _ := pem.Decode([]byte(to.Key))
	newHash := oaepHashes[to.OAEP]
	if block == nil || newHash == nil {
		return nil, errImportKey
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errImportKey, err)
	}
	pair, ok := public.(*rsa.PublicKey)
	if !ok {
		return nil, errImportKey
	}
	return rsa.EncryptOAEP(newHash(), rand.Reader, pair, key, nil)
}

// wrap3394 is RFC 3394 §2.2.1 with the default initial value, for whole blocks of 8 bytes.
func wrap3394(key, plain []byte) ([]byte, error) {
	cipher, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	n := len(plain) / 8
	out := append(make([]byte, 8), plain...)
	var b [16]byte
	copy(b[:8], "\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6")
	for t := range 6 * n {
		r := out[8+8*(t%n):][:8]
		copy(b[8:], r)
		cipher.Encrypt(b[:], b[:])
		binary.BigEndian.PutUint64(b[:8], binary.BigEndian.Uint64(b[:8])^uint64(t+1))
		copy(r, b[8:])
	}
	copy(out, b[:8])
	return out, nil
}
