package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"io"
)

// What K_t and K_c are derived with: K = AES-256-ECB(S, SHA-256(label)).
const (
	LabelKt = "epsbench-mpp/2 K_t"
	LabelKc = "epsbench-mpp/2 K_c"
)

const (
	infoRequest  = "epsbench-mpp/2 request"
	infoResponse = "epsbench-mpp/2 response"
)

// KeyID is the first 16 bytes of SHA-256(DER SubjectPublicKeyInfo).
func KeyID(pub *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("key id: %w", err)
	}
	sum := sha256.Sum256(der)
	return sum[:KeyIDSize], nil
}

// Session derives K_t and K_c from S, as a phone does it. At the EPS both are made
// inside the HSM.
func Session(s []byte) (kt, kc []byte, err error) {
	block, err := aes.NewCipher(s)
	if err != nil {
		return nil, nil, fmt.Errorf("derive from S: %w", err)
	}
	derive := func(label string) []byte {
		in := sha256.Sum256([]byte(label))
		out := make([]byte, KeySize)
		block.Encrypt(out[:aes.BlockSize], in[:aes.BlockSize])
		block.Encrypt(out[aes.BlockSize:], in[aes.BlockSize:])
		return out
	}
	return derive(LabelKt), derive(LabelKc), nil
}

// RequestMAC is what K_t signs for K_req, ResponseMAC what it signs for K_rsp.
func RequestMAC(h1 []byte) []byte  { return append([]byte("req"), h1...) }
func ResponseMAC(h2 []byte) []byte { return append([]byte("rsp"), h2...) }

// RequestKey is K_req, from HMAC(K_t, RequestMAC(H1)).
func RequestKey(mac []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, mac, nil, infoRequest, KeySize)
}

// ResponseKey is K_rsp, from Z and HMAC(K_t, ResponseMAC(H2)).
func ResponseKey(z, mac []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, z, mac, infoResponse, KeySize)
}

// Ephemeral draws a P-256 key from random. crypto/ecdh would not draw from it.
func Ephemeral(random io.Reader) (*ecdh.PrivateKey, error) {
	raw := make([]byte, KeySize)
	defer clear(raw)
	for range 16 { // one draw in 2^32 is above the group's order
		if _, err := io.ReadFull(random, raw); err != nil {
			return nil, fmt.Errorf("draw an ephemeral key: %w", err)
		}
		if key, err := ecdh.P256().NewPrivateKey(raw); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("draw an ephemeral key: the random source gives none")
}

// Shared is Z, the x coordinate of ECDH with the other side's point.
func Shared(own *ecdh.PrivateKey, point []byte) ([]byte, error) {
	peer, err := ecdh.P256().NewPublicKey(point)
	if err != nil {
		return nil, fmt.Errorf("%w: not a point of P-256", ErrFormat)
	}
	return own.ECDH(peer)
}

// seal and open are AES-256-GCM with a nonce of zeros: each key seals one message.
func seal(key, additional, plain []byte) ([]byte, error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, make([]byte, aead.NonceSize()), plain, additional), nil
}

func open(key, additional, box []byte) ([]byte, error) {
	aead, err := gcm(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), box, additional)
	if err != nil {
		return nil, fmt.Errorf("%w: the box does not open", ErrFormat)
	}
	return plain, nil
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("AES key: %w", err)
	}
	return cipher.NewGCM(block)
}
