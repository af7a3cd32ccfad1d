package hsm_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// inSession runs rapid properties inside one Do; keys pile up until its end.
func inSession(t *testing.T, h *hsm.HSM, property func(t *rapid.T, s *hsm.Session)) {
	t.Helper()
	do(t, h, func(s *hsm.Session) {
		rapid.Check(t, func(t *rapid.T) { property(t, s) })
	})
}

func drawBytes(n int, name string) func(*rapid.T) []byte {
	return func(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name) }
}

func TestTokenKeyIsTheLeadingBytesOfAES(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		trk := random(32)
		var wraps hsm.Key
		inSession(t, h, func(rt *rapid.T, s *hsm.Session) {
			if wraps == (hsm.Key{}) {
				wraps = newPeer(t, s).bring(t, s, trk, hsm.TRKWrap)
			}
			n := rapid.SampledFrom([]int{24, 32, 40, 64}).Draw(rt, "n")
			kek, c := drawBytes(32, "KEK")(rt), drawBytes((n+15)/16*16, "C")(rt)
			tok := get(s.DeriveTokenKey(get(s.ImportKEK(kek))(t), c, n))(t)
			got := get(unwrap(trk, get(s.ExportUnderTransport(wraps, tok))(t)))(t)
			if want := ecb(kek, c)[:n]; !bytes.Equal(got, want) {
				rt.Errorf("TOK is %x, want %x", got, want)
			}
			if s.Direction() != reference.Encrypt {
				rt.Errorf("direction %d", s.Direction())
			}
		})
	})
}

func TestTokenKeyHasNoOtherLengths(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			kek := get(s.ImportKEK(random(32)))(t)
			for _, l := range []struct{ c, n int }{{0, 0}, {16, 16}, {31, 31}, {32, 33}, {48, 32}, {32, 0}, {32, -1}, {80, 80}} {
				if _, err := s.DeriveTokenKey(kek, random(l.c), l.n); err == nil {
					t.Errorf("%d bytes from a C of %d", l.n, l.c)
				}
			}
			if _, err := s.ImportKEK(random(16)); err == nil {
				t.Error("a KEK of 16 bytes is taken")
			}
			if _, err := s.ImportC(random(20)); err == nil {
				t.Error("a C of 20 bytes is taken")
			}
		})
	})
}

// sealed is a row, and all that it takes to open it.
type sealed struct {
	dbk  hsm.Key
	bind [32]byte
	c    []byte
	row  []byte
}

func sealOne(t testing.TB, s *hsm.Session, n int) sealed {
	t.Helper()
	mk := get(s.GenerateMasterKey("MK-DBK", hsm.MKDBK))(t)
	blob := get(s.GenerateWrapped(mk, hsm.DBK))(t)
	r := sealed{dbk: get(s.UnwrapUnderMaster(mk, blob, hsm.DBK))(t), bind: [32]byte(random(32)), c: random(n)}
	r.row = get(s.SealRow(r.dbk, r.bind, get(s.ImportC(r.c))(t)))(t)
	return r
}

func TestRowOpensOnlyUnderItsOwnData(t *testing.T) {
	for _, n := range []int{32, 64} {
		t.Run(fmt.Sprint(n, " bytes"), func(t *testing.T) {
			onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
				var r sealed
				inSession(t, h, func(rt *rapid.T, s *hsm.Session) {
					if r.dbk == (hsm.Key{}) {
						r = sealOne(t, s, n)
					}
					get(s.OpenRow(r.dbk, r.bind, r.row, n))(t)
					bind, row := r.bind, bytes.Clone(r.row)
					bit := rapid.IntRange(0, 8*(len(bind)+len(row))-1).Draw(rt, "bit")
					if at := bit / 8; at < len(bind) {
						bind[at] ^= 1 << (bit % 8)
					} else {
						row[at-len(bind)] ^= 1 << (bit % 8)
					}
					if _, err := s.OpenRow(r.dbk, bind, row, n); err == nil {
						rt.Errorf("opens with bit %d changed", bit)
					}
				})
			})
		})
	}
}

func TestRowOpensOnlyUnderItsDBKAndLength(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			r := sealOne(t, s, 32)
			mk := get(s.Find("MK-DBK"))(t)
			other := get(s.UnwrapUnderMaster(mk, get(s.GenerateWrapped(mk, hsm.DBK))(t), hsm.DBK))(t)
			if _, err := s.OpenRow(other, r.bind, r.row, 32); err == nil {
				t.Error("opens under another DBK")
			}
			for _, n := range []int{0, 16, 20, 31, 48, 64} {
				if _, err := s.OpenRow(r.dbk, r.bind, r.row, n); err == nil {
					t.Errorf("opens as a C of %d bytes", n)
				}
			}
			for cut := range r.row {
				if _, err := s.OpenRow(r.dbk, r.bind, r.row[:cut], 32); err == nil {
					t.Errorf("opens when cut to %d bytes", cut)
				}
			}
		})
	})
}

// The whole way of C: sealed at enrolment, delivered to a phone that knows S.
func TestDeliveredCOpensOnlyWithTheKeyOfTheRequest(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		for _, suite := range h.Suites() {
			for _, n := range []int{32, 64} {
				do(t, h, func(s *hsm.Session) {
					must(t, s.Remove("MK-DBK"))
					r := sealOne(t, s, n)
					private, public, err := s.GenerateRSA("", 2048, hsm.UnwrapRequest)
					must(t, err)
					secret := random(32)
					request := get(s.OpenRequest(private, suite, encrypt(t, public, suite, secret)))(t)
					w := get(s.Deliver(request.Kc, get(s.OpenRow(r.dbk, r.bind, r.row, n))(t)))(t)

					label := sha256.Sum256([]byte("epsbench-mpp/2 K_c"))
					if c := get(unwrap(ecb(secret, label[:]), w))(t); !bytes.Equal(c, r.c) {
						t.Errorf("%s: the phone gets another C", suite)
					}
					label = sha256.Sum256([]byte("epsbench-mpp/2 K_t"))
					want := mac(crypto.SHA256, ecb(secret, label[:]), []byte("req"))
					if got := get(s.MAC(request.Kt, crypto.SHA256, []byte("req")))(t); !bytes.Equal(got, want) {
						t.Errorf("%s: K_t is another key", suite)
					}
					eachDoesOneThing(t, s, request)
				})
			}
		}
	})
}

// eachDoesOneThing: K_t does not wrap, K_c does not sign or unwrap.
func eachDoesOneThing(t *testing.T, s *hsm.Session, r hsm.Request) {
	t.Helper()
	c := get(s.ImportC(random(32)))(t)
	if _, err := s.Deliver(r.Kt, c); err == nil {
		t.Error("K_t wraps")
	}
	if _, err := s.MAC(r.Kc, crypto.SHA256, nil); err == nil {
		t.Error("K_c signs")
	}
	if _, err := s.ImportUnderTransport(r.Kc, random(40), 32); err == nil {
		t.Error("K_c unwraps")
	}
	if _, err := s.Deliver(r.Kc, r.Kt); err == nil {
		t.Error("K_t can leave")
	}
}

// What does not open goes on with a decoy: the same calls work, and tell the sender nothing.
func TestRequestThatDoesNotOpenIsRefusedWithADecoy(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			private, public, err := s.GenerateRSA("", 2048, hsm.UnwrapRequest)
			must(t, err)
			suite := s.OAEPSuite()
			_, stranger, err := s.GenerateRSA("", 2048, hsm.UnwrapRequest)
			must(t, err)
			good := random(32)
			flipped := encrypt(t, public, suite, good)
			flipped[len(flipped)-1] ^= 1
			blobs := map[string][]byte{
				"empty": nil, "one byte": {1}, "random": random(256), "changed": flipped, "too long": random(257),
				"for another key": encrypt(t, stranger, suite, good),
			}
			for _, n := range []int{1, 5, 15, 17, 31, 33, 48, 64} {
				blobs[fmt.Sprint("S of ", n)] = encrypt(t, public, suite, good[:min(n, 32)])
				if n > 32 {
					blobs[fmt.Sprint("S of ", n)] = encrypt(t, public, suite, random(n))
				}
			}
			for name, blob := range blobs {
				request, err := s.OpenRequest(private, suite, blob)
				if !errors.Is(err, reference.ErrRefused) {
					t.Errorf("%s: %v", name, err)
					continue
				}
				get(s.MAC(request.Kt, crypto.SHA256, nil))(t)
				get(s.Deliver(request.Kc, get(s.ImportC(random(32)))(t)))(t)
			}
		})
	})
}

func TestTOKUnderASKSignsAndNothingElse(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		for _, tt := range []struct {
			name string
			n    int
			hash crypto.Hash
		}{{"20 bytes, padded to 24", 20, crypto.SHA1}, {"32 bytes", 32, crypto.SHA256}, {"64 bytes", 64, crypto.SHA512}} {
			t.Run(tt.name, func(t *testing.T) {
				do(t, h, func(s *hsm.Session) {
					must(t, s.Remove("ASK"))
					ask := get(s.GenerateMasterKey("ASK", hsm.ASK))(t)
					seed, transport := random(tt.n), random(32)
					padded := append(bytes.Clone(seed), make([]byte, (8-tt.n%8)%8)...)
					imports := newPeer(t, s).bring(t, s, transport, hsm.ImportKey)

					tok := get(s.ImportUnderTransport(imports, wrap(transport, padded), tt.n))(t)
					if _, err := s.MAC(tok, tt.hash, nil); err == nil {
						t.Error("TOK signs on its way")
					}
					rest := get(s.WrapUnderASK(ask, tok))(t)
					signs := get(s.UnwrapUnderASK(ask, rest, tt.n))(t)
					if got := get(s.MAC(signs, tt.hash, []byte("moving factor")))(t); !bytes.Equal(got, mac(tt.hash, seed, []byte("moving factor"))) {
						t.Error("TOK is not the seed")
					}
					if _, err := s.WrapUnderASK(ask, signs); err == nil {
						t.Error("TOK can leave again")
					}
					if _, err := s.ImportUnderTransport(ask, rest, tt.n); err == nil {
						t.Error("ASK lets out a TOK that can leave")
					}
				})
			})
		}
	})
}

func TestMACIsThatOfRFC2104(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		do(t, h, func(s *hsm.Session) {
			key := random(32)
			p := newPeer(t, s)
			signs, verifies := p.bring(t, s, key, hsm.SignMAC), p.bring(t, s, key, hsm.VerifyMAC)
			for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256} {
				for _, data := range [][]byte{nil, {0}, random(1000)} {
					want := mac(hash, key, data)
					if got := get(s.MAC(signs, hash, data))(t); !bytes.Equal(got, want) {
						t.Errorf("HMAC with %s of %d bytes is wrong", hash, len(data))
					}
					must(t, s.VerifyMAC(verifies, hash, data, want))
					want[0] ^= 1
					for name, bad := range map[string][]byte{"changed": want, "short": want[1:], "empty": nil} {
						if err := s.VerifyMAC(verifies, hash, data, bad); !errors.Is(err, hsm.ErrMAC) {
							t.Errorf("%s MAC with %s: %v", name, hash, err)
						}
					}
				}
			}
			if _, err := s.MAC(signs, crypto.MD5, nil); err == nil {
				t.Error("HMAC with MD5 is made")
			}
		})
	})
}

func TestZeroKeysAreRefusedBeforeTheToken(t *testing.T) {
	onEach(t, func(t *testing.T, _ hsm.PKCS11, h *hsm.HSM) {
		none := hsm.Key{}
		do(t, h, func(s *hsm.Session) {
			_, e1 := s.MAC(none, crypto.SHA256, nil)
			_, e2 := s.Deliver(none, none)
			_, e3 := s.OpenRow(none, [32]byte{}, random(40), 32)
			_, e4 := s.OAEPUnwrap(none, s.OAEPSuite(), random(256), hsm.DBK, "")
			_, e5 := s.CheckValue(none)
			e6 := s.VerifyMAC(none, crypto.SHA256, nil, random(32))
			for i, err := range []error{e1, e2, e3, e4, e5, e6} {
				if err == nil {
					t.Errorf("call %d succeeds without a key", i+1)
				}
			}
		})
		if n := h.Stats().Retries; n != 0 {
			t.Errorf("%d retries for keys that were never there", n)
		}
		if err := h.Healthy(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
