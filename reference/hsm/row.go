package hsm

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// block is the AES block: C and what is derived from it come in whole ones.
const block = 16

// ImportKEK brings the key made from a PIN in: 32 bytes, for DeriveTokenKey only. The
// caller clears kek.
func (s *Session) ImportKEK(kek []byte) (Key, error) {
	if len(kek) != keyBytes {
		return Key{}, fmt.Errorf("import KEK: %d bytes where %d are due", len(kek), keyBytes)
	}
	return s.t.importKey(s, kek, s.t.token.kek)
}

// ImportC brings C in, so that SealRow can wrap it: 32 or 64 bytes.
func (s *Session) ImportC(c []byte) (Key, error) {
	if err := checkC(len(c)); err != nil {
		return Key{}, fmt.Errorf("import C: %w", err)
	}
	return s.t.importKey(s, c, plainC)
}

func checkC(n int) error {
	if n < keyBytes || n%block != 0 || n > 2*keyBytes {
		return fmt.Errorf("a C of %d bytes, not 32 to 64 in whole blocks", n)
	}
	return nil
}

// tokenKeys is a way to make TOK from KEK and C inside the token.
type tokenKeys struct {
	direction reference.Direction
	kek       Usage // what KEK is for it
	derive    func(s *Session, kek Key, c []byte, n int) (Key, error)
}

var encryptC = tokenKeys{reference.Encrypt, kekEncrypt, func(s *Session, kek Key, c []byte, n int) (Key, error) {
	return s.derive(kek, c, transitTOK, n)
}}

var decryptC = tokenKeys{reference.Decrypt, kekDecrypt, func(s *Session, kek Key, c []byte, n int) (Key, error) {
	w := unwrapping{mechanism: plain(pkcs11.CKM_AES_ECB), under: kek}
	if s.t.wrapLength {
		w.length = n
	} else if n != len(c) {
		return Key{}, fmt.Errorf("derive TOK: this token unwraps whole blocks, not %d bytes", n)
	}
	return s.unwrap(w, c, transitTOK, "")
}}

// Direction says which way DeriveTokenKey goes: the phone has to go the same.
func (s *Session) Direction() reference.Direction { return s.t.token.direction }

// DeriveTokenKey makes TOK, the leading n bytes of AES-ECB over C under KEK. Every KEK
// gives one, and nothing tells which is right (there is no redundancy). TOK can only
// be wrapped, by ExportUnderTransport.
func (s *Session) DeriveTokenKey(kek Key, c []byte, n int) (Key, error) {
	if err := checkC(len(c)); err != nil {
		return Key{}, fmt.Errorf("derive TOK: %w", err)
	}
	if n < 20 || (n+block-1)/block*block != len(c) {
		return Key{}, fmt.Errorf("derive TOK: %d bytes do not come from a C of %d", n, len(c))
	}
	return s.t.token.derive(s, kek, c, n)
}

// SealRow wraps C for the database: RFC 3394 under the row key AES-ECB-encrypt(DBK,
// bind). bind is the SHA-256 of everything that the row belongs to, so that under
// another row's data, or an older version's, nothing opens.
func (s *Session) SealRow(dbk Key, bind [32]byte, c Key) ([]byte, error) {
	key, err := s.derive(dbk, bind[:], rowKey, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("seal row: %w", err)
	}
	sealed, err := s.keyWrap(key, c, 0)
	if err = errors.Join(err, s.Destroy(key)); err != nil {
		return nil, fmt.Errorf("seal row: %w", err)
	}
	return sealed, nil
}

// OpenRow gives C, n bytes long, as a handle that can only be wrapped (Deliver).
func (s *Session) OpenRow(dbk Key, bind [32]byte, sealed []byte, n int) (Key, error) {
	if err := checkC(n); err != nil {
		return Key{}, fmt.Errorf("open row: %w", err)
	}
	key, err := s.derive(dbk, bind[:], rowKey, keyBytes)
	if err != nil {
		return Key{}, fmt.Errorf("open row: %w", err)
	}
	c, err := s.keyUnwrap(key, sealed, n, plainC, "")
	if err = errors.Join(err, s.Destroy(key)); err != nil {
		return Key{}, fmt.Errorf("open row: %w", err)
	}
	return c, nil
}

// Deliver wraps C for the phone: W of PROTOCOL.md §3.
func (s *Session) Deliver(kc, c Key) ([]byte, error) {
	w, err := s.keyWrap(kc, c, 0)
	if err != nil {
		return nil, fmt.Errorf("deliver: %w", err)
	}
	return w, nil
}
