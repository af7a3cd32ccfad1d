package row_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"testing"

	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/row"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }

// ring is a DBK of either kind.
type ring struct{ dbk *hsm.Resident }

func (ring) CurrentDBK() uint32 { return 3 }

func (r ring) DBK(ctx context.Context, version uint32) (hsm.Key, error) {
	if version != 3 {
		return hsm.Key{}, reference.ErrNotFound
	}
	return r.dbk.Key(ctx)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open gives a token's session with both formats to f.
func open(t *testing.T, h *hsm.HSM, f func(s *hsm.Session, formats map[reference.Profile]row.Format)) {
	t.Helper()
	formats := map[reference.Profile]row.Format{}
	for p, use := range map[reference.Profile]hsm.Usage{reference.Default: hsm.DBK, reference.Literal: hsm.CipherDBK} {
		label := "DBK for " + string(p)
		key := h.Resident(label, func(s *hsm.Session) (hsm.Key, error) { return s.GenerateKey(label, use) })
		formats[p] = row.Of(p, ring{key})
	}
	must(t, h.Do(t.Context(), func(s *hsm.Session) error {
		f(s, formats)
		return nil
	}))
}

func tokens(t *testing.T) map[string]*hsm.HSM {
	m, err := token.New(token.Config{Label: "emulated", SOPIN: "31415926", UserPIN: hsmtest.PIN})
	must(t, err)
	return map[string]*hsm.HSM{
		"SoftHSM":  hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t)),
		"emulator": hsmtest.Open(t, m, hsm.Config{PIN: reference.NewSecret([]byte(hsmtest.PIN))}),
	}
}

// someToken is complete but for what Seal sets.
func someToken() reference.Token {
	return reference.Token{
		ID: "0123456789ABCDEFGHJKMNPQRS", Service: "bank.example", User: "ada", Direction: reference.Encrypt,
		TOKLength: 32, CLength: 32, Salt: make([]byte, 16), KDF: "pbkdf2-hmac-sha256", Iterations: 1, Suite: "HOTP-SHA256-6",
	}
}

// opened is C of a row, under a K_c that both formats get.
func opened(t *testing.T, s *hsm.Session, f row.Format, k reference.Token, kc hsm.Key) ([]byte, error) {
	t.Helper()
	c, err := f.Open(t.Context(), s, k)
	if err != nil {
		return nil, err
	}
	w, err := s.Deliver(kc, c)
	must(t, err)
	return w, nil
}

// sessionKey is K_c of an MPP request that does not open.
func sessionKey(t *testing.T, s *hsm.Session) hsm.Key {
	t.Helper()
	pair, _, err := s.GenerateRSA("", 2048, hsm.UnwrapRequest)
	must(t, err)
	request, err := s.OpenRequest(pair, s.OAEPSuite(), make([]byte, 256))
	if !errors.Is(err, reference.ErrRefused) {
		t.Fatal(err)
	}
	return request.Kc
}

// changes are what an attacker with the database does to a row. Both formats say which of
// them they notice.
var changes = []struct {
	name           string
	bound, literal bool // is refused
	change         func(k *reference.Token, other reference.Token)
}{
	{"nothing", false, false, func(*reference.Token, reference.Token) {}},
	{"another token's C", true, false, func(k *reference.Token, other reference.Token) { k.Sealed = other.Sealed }},
	{"a bit of C", true, false, func(k *reference.Token, _ reference.Token) { k.Sealed[20] ^= 1 }},
	{"the user", true, false, func(k *reference.Token, _ reference.Token) { k.User = "eve" }},
	{"the salt", true, false, func(k *reference.Token, _ reference.Token) { k.Salt = bytes.Repeat([]byte{1}, 16) }},
	{"a cut", true, true, func(k *reference.Token, _ reference.Token) { k.Sealed = k.Sealed[:len(k.Sealed)-8] }},
	{"a block less", true, true, func(k *reference.Token, _ reference.Token) { k.Sealed = k.Sealed[:len(k.Sealed)-16] }},
	{"the length", true, true, func(k *reference.Token, _ reference.Token) { k.CLength = 64 }},
	{"an unknown DBK", true, true, func(k *reference.Token, _ reference.Token) { k.DBKVersion = 4 }},
	{"the format", true, true, func(k *reference.Token, _ reference.Token) { k.Format = "other" }},
	{"no C", true, true, func(k *reference.Token, _ reference.Token) { k.Sealed = nil }},
}

func TestBoundRowsNoticeWhatLiteralOnesDoNot(t *testing.T) {
	for name, h := range tokens(t) {
		open(t, h, func(s *hsm.Session, formats map[reference.Profile]row.Format) {
			kc := sessionKey(t, s)
			for profile, f := range formats {
				for _, c := range changes {
					k, other := someToken(), someToken()
					other.ID = "SRQPNMKJHGFEDCBA9876543210"
					value := make([]byte, 32)
					rand.Read(value)
					must(t, f.Seal(t.Context(), s, &k, value))
					rand.Read(value)
					must(t, f.Seal(t.Context(), s, &other, value))
					c.change(&k, other)
					refused := c.bound
					if profile == reference.Literal {
						refused = c.literal
					}
					if _, err := opened(t, s, f, k, kc); (err != nil) != refused {
						t.Errorf("%s, %s, %s changed: %v", name, profile, c.name, err)
					}
				}
			}
		})
	}
}

// The two formats hold the same C, and neither opens the other's row.
func TestFormatsDoNotMix(t *testing.T) {
	for name, h := range tokens(t) {
		open(t, h, func(s *hsm.Session, formats map[reference.Profile]row.Format) {
			kc := sessionKey(t, s)
			var wrapped [2][]byte
			for i, p := range []reference.Profile{reference.Default, reference.Literal} {
				k, c := someToken(), bytes.Repeat([]byte{7}, 32)
				must(t, formats[p].Seal(t.Context(), s, &k, c))
				if bytes.Contains(k.Sealed, c[:16]) || k.DBKVersion != 3 {
					t.Errorf("%s, %s: %d bytes sealed under DBK %d", name, p, len(k.Sealed), k.DBKVersion)
				}
				var err error
				wrapped[i], err = opened(t, s, formats[p], k, kc)
				must(t, err)
				for q, other := range formats {
					if _, err := other.Open(t.Context(), s, k); q != p && !errors.Is(err, reference.ErrInvalid) {
						t.Errorf("%s: %s opens a row of %s: %v", name, q, p, err)
					}
				}
			}
			if !bytes.Equal(wrapped[0], wrapped[1]) {
				t.Errorf("%s: the formats give different C", name)
			}
		})
	}
}

func TestOnlyTheLiteralFormatKeepsCodes(t *testing.T) {
	for name, h := range tokens(t) {
		open(t, h, func(s *hsm.Session, formats map[reference.Profile]row.Format) {
			rc := []byte("ABCDEFGH-12345678901")
			none, err := formats[reference.Default].SealCode(t.Context(), s, rc)
			if none != nil || err != nil {
				t.Errorf("%s: the default format keeps %d bytes, %v", name, len(none), err)
			}
			one, err := formats[reference.Literal].SealCode(t.Context(), s, rc)
			must(t, err)
			two, err := formats[reference.Literal].SealCode(t.Context(), s, rc)
			must(t, err)
			if len(one) != 48 || bytes.Equal(one, two) || bytes.Contains(one, rc[:8]) {
				t.Errorf("%s: the same code is kept as %d and %d bytes", name, len(one), len(two))
			}
		})
	}
}
