package mutants

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// pinStatistics are the mutants that only many observations show.
var pinStatistics = []Mutant{
	{
		Name:   "PIN digits of half a byte",
		About:  "Each digit of a PIN is half a random byte modulo ten, so that 0 to 5 come twice as often.",
		Claims: []string{"ST-2.2.1-b"},
		Reason: "p of PIN characters by place",
		Break:  func(s *Seams) { s.Enroll = func(p *enroll.Parts) { p.PINs = halfBytes } },
	},
	{
		Name:   "registration codes of a short counter",
		About:  "The digits of a registration code are a counter of three digits, repeated.",
		Claims: []string{"ST-2.2.1-b"},
		Reason: "p of code pairs of neighbours",
		Break:  func(s *Seams) { s.Enroll = func(p *enroll.Parts) { p.Codes = countedCodes() } },
	},
	{
		Name:   "PINs drawn close to the last one",
		About:  "A PIN is the one before and a random number of up to a hundredth of all PINs.",
		Claims: []string{"ST-2.2.1-b"},
		Reason: "p of PIN and the next",
		Break:  func(s *Seams) { s.Enroll = func(p *enroll.Parts) { p.PINs = walkingPINs() } },
	},
	{
		Name:   "two TOKs for everyone",
		About:  "Every TOK is one of two.",
		Claims: []string{"ST-6.1-b-digits"},
		Reason: "p of last three digits",
		Break:  onDerivations(func(m *derivations) { m.derive = m.formed(oneOfTwo) }),
	},
	{
		Name:   "TOKs chosen by their first OTP",
		About:  "A TOK is drawn again until its first OTP ends in 0.",
		Claims: []string{"ST-6.1-b-digits"},
		Reason: "p of last digit of first OTPs",
		Break:  onDerivations(func(m *derivations) { m.derive = m.formed(firstOTPZero) }),
	},
	{
		Name:   "unknown users are looked for twice",
		About:  "Where no row has the user, the authentication server asks another system, which takes longer than some steps of the grid.",
		Claims: []string{"RGS-C-1-times"},
		Reason: "p of ranks of the times, an unknown user",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return askingElsewhere{st} }
		},
	},
	{
		Name:   "strangers wait behind the grid",
		About:  "Users who have never logged in get their refusals later than others: the wait is behind the grid.",
		Claims: []string{"RGS-C-1-times"},
		Reason: "p of ranks of the times, an unknown user",
		Break:  func(s *Seams) { s.Wrap = strangersLater() },
	},
	{
		Name:   "wrong digits take longer",
		About:  "The digits of a code behind a known locator are compared by a slow routine, which takes longer than some steps of the grid.",
		Claims: []string{"ST-2.2.2-a-times"},
		Reason: "p of ranks of the times, a wrong code",
		Break: inProvisioning(withRule("wrong code", func(broken bool, r mpp.Row) bool {
			if r.Found && broken {
				mpp.SystemWaiter{}.Sleep(context.Background(), 3*mpp.Quantum)
			}
			return broken
		})),
	},
}

func halfBytes(random io.Reader, digits int) ([]byte, error) {
	pin := make([]byte, digits)
	_, err := io.ReadFull(random, pin)
	for i, b := range pin {
		pin[i] = '0' + b%16%10
	}
	return pin, err
}

func countedCodes() enroll.Codes {
	var next atomic.Int64
	return func(random io.Reader, digits int) (string, []byte, error) {
		locator, code, err := enroll.DrawCode(random, digits)
		for i, three := 0, fmt.Sprintf("%03d", next.Add(1)%1000); i < len(code); i++ {
			code[i] = three[i%3]
		}
		return locator, code, err
	}
}

func walkingPINs() enroll.PINs {
	var last atomic.Int64
	return func(random io.Reader, digits int) ([]byte, error) {
		space := int64(1)
		for range digits {
			space *= 10
		}
		pin, err := enroll.DrawPIN(random, digits)
		step := int64(0)
		for _, d := range pin {
			step = 10*step + int64(d-'0')
		}
		return fmt.Appendf(nil, "%0*d", digits, last.Add(step/100)%space), err
	}
}

func oneOfTwo(random []byte) []byte {
	tok := sha256.Sum256([]byte{random[0] % 2})
	return tok[:]
}

func firstOTPZero(random []byte) []byte {
	for i := byte(0); ; i++ {
		tok := sha256.Sum256(append(random, i))
		if otp := firstOTP(tok[:]); otp[len(otp)-1] == '0' {
			return tok[:]
		}
	}
}

func firstOTP(tok []byte) string {
	suite := oath.Suite{Kind: oath.KindHOTP, Hash: crypto.SHA256, Digits: oath.MinDigits}
	otp, _ := suite.At(func(data []byte) ([]byte, error) { // an HMAC does not fail
		mac := hmac.New(sha256.New, tok)
		mac.Write(data)
		return mac.Sum(nil), nil
	}, 0)
	return otp
}

// askingElsewhere takes its time where no row has the user.
type askingElsewhere struct{ store.AuthServer }

func (s askingElsewhere) View(ctx context.Context, fn func(store.AuthReader) error) error {
	err := s.AuthServer.View(ctx, fn)
	if errors.Is(err, reference.ErrNotFound) {
		mpp.SystemWaiter{}.Sleep(ctx, 3*authserver.DefaultGrid)
	}
	return err
}

// strangersLater holds the refusals of users back who were never accepted.
func strangersLater() func(string, http.Handler) http.Handler {
	var known sync.Map
	return func(listener string, h http.Handler) http.Handler {
		if listener != "auth" {
			return h
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user := userOf(r)
			kept := &keptAnswer{ResponseWriter: w}
			h.ServeHTTP(kept, r)
			if strings.Contains(kept.body.String(), `"accepted":true`) {
				known.Store(user, true)
			} else if _, is := known.Load(user); !is {
				mpp.SystemWaiter{}.Sleep(r.Context(), 2*authserver.DefaultGrid)
			}
			w.WriteHeader(kept.status)
			_, _ = w.Write(kept.body.Bytes()) // the caller has gone
		})
	}
}
