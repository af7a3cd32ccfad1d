package hsm

import (
	"errors"
	"fmt"
)

// GenerateMasterKey makes a permanent wrapping key whose row of kinds names the one
// kind of key that it lets out again (MKDBK, MKTRK, ASK).
func (s *Session) GenerateMasterKey(label string, use Usage) (Key, error) {
	if use.kind().unwraps == 0 {
		return Key{}, fmt.Errorf("%s is not a master key", use)
	}
	return s.GenerateKey(label, use)
}

// GenerateKey makes a permanent key that never leaves the token.
func (s *Session) GenerateKey(label string, use Usage) (Key, error) {
	if label == "" {
		return Key{}, fmt.Errorf("generate %s: a permanent key needs a label", use)
	}
	return s.generate(use, label)
}

// GenerateForTransport makes a key that will serve as use. Until WrapUnderMaster,
// OAEPWrap or KeepAs has put it in its places it can leave the token, wrapped, and do
// nothing else.
func (s *Session) GenerateForTransport(use Usage) (Key, error) {
	return s.generate(use.parcel(), "")
}

// GenerateWrapped makes a key that exists only as the RFC 3394 blob under master.
func (s *Session) GenerateWrapped(master Key, use Usage) ([]byte, error) {
	key, err := s.GenerateForTransport(use)
	if err != nil {
		return nil, err
	}
	blob, err := s.WrapUnderMaster(master, key)
	return blob, errors.Join(err, s.Destroy(key))
}

// WrapUnderMaster wraps a key of GenerateForTransport: RFC 3394.
func (s *Session) WrapUnderMaster(master, key Key) ([]byte, error) {
	blob, err := s.keyWrap(master, key, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("wrap under a master key: %w", err)
	}
	return blob, nil
}

// UnwrapUnderMaster brings a key back for the session. The token itself refuses any
// use but the one that the master key's template names.
func (s *Session) UnwrapUnderMaster(master Key, blob []byte, use Usage) (Key, error) {
	return s.keyUnwrap(master, blob, keyBytes, use, "")
}

// KeepAs gives a key of GenerateForTransport a permanent twin that cannot leave the
// token and serves as use: it passes through a wrapping key that lives for this call.
func (s *Session) KeepAs(label string, use Usage, key Key) (Key, error) {
	once, err := s.generate(onceKey, "")
	if err != nil {
		return Key{}, err
	}
	kept, err := s.rewrap(once, label, use, key)
	return kept, errors.Join(err, s.Destroy(once))
}

func (s *Session) rewrap(once Key, label string, use Usage, key Key) (Key, error) {
	blob, err := s.keyWrap(once, key, keyBytes)
	if err != nil {
		return Key{}, fmt.Errorf("keep %s: %w", label, err)
	}
	return s.keyUnwrap(once, blob, keyBytes, use, label)
}

// keyWrap is RFC 3394 over a key of n bytes.
func (s *Session) keyWrap(under, key Key, n int) ([]byte, error) {
	blob, err := s.wrap(plain(s.t.keyWrap), under, key)
	if err != nil {
		return nil, err
	}
	if n > 0 && len(blob) != wrappedLength(n) {
		return nil, fmt.Errorf("a key of %d bytes became %d wrapped ones", n, len(blob))
	}
	return blob, nil
}

// keyUnwrap is its inverse. Blobs of another length than n bytes of key make do not
// reach the token.
func (s *Session) keyUnwrap(under Key, blob []byte, n int, use Usage, label string) (Key, error) {
	if len(blob) != wrappedLength(n) {
		return Key{}, fmt.Errorf("unwrap %s: %d bytes where %d are due", use, len(blob), wrappedLength(n))
	}
	w := unwrapping{mechanism: plain(s.t.keyWrap), under: under}
	if s.t.wrapLength {
		w.length = len(blob) - wrapOverhead
	}
	return s.unwrap(w, blob, use, label)
}

// wrappedLength is what RFC 3394 makes of n bytes: a key of 20 travels with 4 zeros
// behind it, which HMAC does not notice.
func wrappedLength(n int) int { return (n+7)/8*8 + wrapOverhead }
