package hsm

import (
	"crypto"
	"crypto/rsa"

	"github.com/epsbench/epsbench/reference"
)

// Suite is the hash of RSA-OAEP and its MGF1. The numbers are those of PROTOCOL.md.
type Suite uint8

const (
	OAEPSHA256 Suite = 1
	OAEPSHA1   Suite = 2
)

// Usage names a row of kinds: what a key is and the one thing that it may do.
type Usage uint8

const (
	MKDBK     Usage = iota + 1 // wraps and unwraps DBK
	MKTRK                      // wraps and unwraps TRKWrap
	DBK                        // AES-256, derives row keys
	TRKWrap                    // AES-256, wraps TOK (EPS)
	TRKUnwrap                  // AES-256, unwraps TOKTransit (authentication server)
	ASK                        // AES-256, wraps and unwraps TOKSign
	SignMAC                    // HMAC, signs
	VerifyMAC                  // HMAC, verifies
	ImportKey                  // AES-256, unwraps TOKTransit
	KCV                        // AES-256, encrypts: a session twin of which CheckValue is taken
)

// RSAUse is what the private half of a pair may do.
type RSAUse uint8

const (
	UnwrapRequest RSAUse = iota + 1 // unwraps S of an MPP request
	UnwrapKeys                      // unwraps keys of a pairing or an import: sensitive, never extractable
)

// Request holds the two keys of an MPP v2 request (PROTOCOL.md §3).
type Request struct{ Kt, Kc Key }

func (s *Session) GenerateMasterKey(label string, use Usage) (Key, error) { return Key{}, errSkeleton }
func (s *Session) GenerateKey(label string, use Usage) (Key, error)       { return Key{}, errSkeleton }
func (s *Session) GenerateRSA(label string, bits int, use RSAUse) (Key, *rsa.PublicKey, error) {
	return Key{}, nil, errSkeleton
}
func (s *Session) GenerateForTransport(use Usage) (Key, error)           { return Key{}, errSkeleton }
func (s *Session) Find(label string) (Key, error)                        { return Key{}, errSkeleton }
func (s *Session) PublicKey(label string) (*rsa.PublicKey, error)        { return nil, errSkeleton }
func (s *Session) Destroy(keys ...Key) error                             { return errSkeleton }
func (s *Session) GenerateWrapped(master Key, use Usage) ([]byte, error) { return nil, errSkeleton }
func (s *Session) WrapUnderMaster(master, key Key) ([]byte, error)       { return nil, errSkeleton }
func (s *Session) UnwrapUnderMaster(master Key, blob []byte, use Usage) (Key, error) {
	return Key{}, errSkeleton
}
func (s *Session) KeepAs(label string, use Usage, key Key) (Key, error) { return Key{}, errSkeleton }
func (s *Session) OAEPSuite() Suite                                     { return 0 }
func (s *Session) OAEPWrap(pub *rsa.PublicKey, suite Suite, key Key) ([]byte, error) {
	return nil, errSkeleton
}
func (s *Session) OAEPUnwrap(priv Key, suite Suite, blob []byte, use Usage, label string) (Key, error) {
	return Key{}, errSkeleton
}
func (s *Session) ImportKEK(kek []byte) (Key, error)                     { return Key{}, errSkeleton }
func (s *Session) ImportC(c []byte) (Key, error)                         { return Key{}, errSkeleton }
func (s *Session) Direction() reference.Direction                        { return reference.Encrypt }
func (s *Session) DeriveTokenKey(kek Key, c []byte, n int) (Key, error)  { return Key{}, errSkeleton }
func (s *Session) SealRow(dbk Key, bind [32]byte, c Key) ([]byte, error) { return nil, errSkeleton }
func (s *Session) OpenRow(dbk Key, bind [32]byte, sealed []byte, n int) (Key, error) {
	return Key{}, errSkeleton
}
func (s *Session) Deliver(kc, c Key) ([]byte, error)                 { return nil, errSkeleton }
func (s *Session) ExportUnderTransport(trk, tok Key) ([]byte, error) { return nil, errSkeleton }
func (s *Session) ImportUnderTransport(trk Key, blob []byte, n int) (Key, error) {
	return Key{}, errSkeleton
}
func (s *Session) WrapUnderASK(ask, tok Key) ([]byte, error)               { return nil, errSkeleton }
func (s *Session) UnwrapUnderASK(ask Key, blob []byte, n int) (Key, error) { return Key{}, errSkeleton }

// OpenRequest unwraps S and derives K_t and K_c. A blob that does not open gives
// reference.ErrRefused together with the keys of a decoy, so that the caller goes on
// making the same calls; any other error gives no keys.
func (s *Session) OpenRequest(priv Key, suite Suite, blob []byte) (Request, error) {
	return Request{}, errSkeleton
}
func (s *Session) MAC(key Key, hash crypto.Hash, data []byte) ([]byte, error) {
	return nil, errSkeleton
}
func (s *Session) VerifyMAC(key Key, hash crypto.Hash, data, mac []byte) error { return errSkeleton }
func (s *Session) CheckValue(key Key) ([]byte, error)                          { return nil, errSkeleton }
func (s *Session) CheckValueEmpty(key Key) error                               { return errSkeleton }
