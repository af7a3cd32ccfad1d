package hsm

import "fmt"

// ExportUnderTransport wraps TOK for the authentication server: RFC 3394 under TRK.
func (s *Session) ExportUnderTransport(trk, tok Key) ([]byte, error) {
	return s.wrapTOK(trk, tok, "TRK")
}

// ImportUnderTransport unwraps a TOK of n bytes under TRK or an import key. It can only
// be wrapped again, which WrapUnderASK does at once.
func (s *Session) ImportUnderTransport(trk Key, blob []byte, n int) (Key, error) {
	if err := checkTOK(n); err != nil {
		return Key{}, err
	}
	return s.keyUnwrap(trk, blob, n, transitTOK, "")
}

// WrapUnderASK wraps TOK for the authentication server's database: RFC 3394.
func (s *Session) WrapUnderASK(ask, tok Key) ([]byte, error) {
	return s.wrapTOK(ask, tok, "ASK")
}

// UnwrapUnderASK gives a TOK of n bytes that signs and never leaves the token.
func (s *Session) UnwrapUnderASK(ask Key, blob []byte, n int) (Key, error) {
	if err := checkTOK(n); err != nil {
		return Key{}, err
	}
	return s.keyUnwrap(ask, blob, n, signTOK, "")
}

func (s *Session) wrapTOK(under, tok Key, name string) ([]byte, error) {
	blob, err := s.keyWrap(under, tok, 0)
	if err != nil {
		return nil, fmt.Errorf("wrap TOK under %s: %w", name, err)
	}
	return blob, nil
}

// checkTOK: 32 or 64 bytes are generated, imported seeds may be shorter (RFC 4226 §4
// asks for 16 or more).
func checkTOK(n int) error {
	if n < 16 || n > 64 {
		return fmt.Errorf("TOK has %d bytes, not 16 to 64", n)
	}
	return nil
}
