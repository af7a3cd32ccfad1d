package mutants

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// pinTold are the mutants that say what they should keep, or give what they should draw.
var pinTold = []Mutant{
	{
		Name:   "status tells TOK",
		About:  "The bank's answers carry the newest TOK in a header field for support.",
		Claims: []string{"ST-6.1-a"},
		Reason: "TOK as hexadecimal in an answer of a route",
		Break: func(s *Seams) {
			var newest atomic.Value
			onDerivations(func(m *derivations) {
				m.derive = m.told(func(tok []byte) { newest.Store(hex.EncodeToString(tok)) })
			})(s)
			s.Wrap = saying(&newest)
		},
	},
	{
		Name:   "status tells the PIN",
		About:  "The bank's answers carry the newest PIN in a header field.",
		Claims: []string{"ST-B1"},
		Reason: "a PIN as text in an answer of a route",
		Break: func(s *Seams) {
			var newest atomic.Value
			s.Enroll = seeingPINs(func(pin string) { newest.Store(pin) })
			s.Wrap = saying(&newest)
		},
	},
	{
		Name:   "PIN in the log",
		About:  "Enrolment logs the PIN that it has drawn, at debug level.",
		Claims: []string{"ST-B1"},
		Reason: "a PIN as text in the log",
		Break: func(s *Seams) {
			var log *slog.Logger
			s.MPP = func(p *mpp.Parts) { log = p.Log }
			s.Enroll = seeingPINs(func(pin string) { log.Debug("drew", "pin", pin) })
		},
	},
	{
		Name:   "PIN in the audit",
		About:  "The audit record of an enrolment has the PIN in its detail.",
		Claims: []string{"ST-B1"},
		Reason: "a PIN as text in column",
		Break: func(s *Seams) {
			var newest atomic.Value
			s.Enroll = seeingPINs(func(pin string) { newest.Store(pin) })
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &newest} }
		},
	},
	{
		Name:   "PINs of one random source that starts again",
		About:  "The generator of PINs is seeded with the same value for each.",
		Claims: []string{"ST-B1"},
		Reason: "different PINs of users at two services each",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) {
				p.PINs = func(_ io.Reader, digits int) ([]byte, error) {
					return enroll.DrawPIN(rand.NewChaCha8([32]byte{}), digits)
				}
			}
		},
	},
}

// seeingPINs hands every PIN to f.
func seeingPINs(f func(pin string)) func(*enroll.Parts) {
	return func(p *enroll.Parts) {
		p.PINs = func(random io.Reader, digits int) ([]byte, error) {
			pin, err := enroll.DrawPIN(random, digits)
			f(string(pin))
			return pin, err
		}
	}
}

// saying adds what value holds to the answers of the bank's listener.
func saying(value *atomic.Value) func(string, http.Handler) http.Handler {
	return func(listener string, h http.Handler) http.Handler {
		if listener != "bank" {
			return h
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if text, ok := value.Load().(string); ok {
				w.Header().Set("X-Support", text)
			}
			h.ServeHTTP(w, r)
		})
	}
}

// detailed writes what value holds into the detail of audit records.
type detailed struct {
	store.EPS
	value *atomic.Value
}

func (s detailed) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.EPS.Update(ctx, func(tx store.Tx) error { return fn(detailedTx{tx, s.value}) })
}

type detailedTx struct {
	store.Tx
	value *atomic.Value
}

func (tx detailedTx) Audit(r store.AuditRecord) error {
	if text, ok := tx.value.Load().(string); ok && strings.HasSuffix(r.Detail, "}") && r.Event == "enrolling" {
		r.Detail = strings.TrimSuffix(r.Detail, "}") + `,"zpin":"` + text + `"}`
	}
	return tx.Tx.Audit(r)
}
