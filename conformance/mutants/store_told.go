package mutants

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// storageTold are the mutants that say what should be said once, or never.
var storageTold = []Mutant{
	{
		Name:   "answers tell the newest registration code",
		About:  "The bank's answers carry the newest registration code in a header field.",
		Claims: []string{"ST-2.1-e"},
		Reason: "registration code as text in the answers of the API",
		Break: func(s *Seams) {
			var newest atomic.Value
			s.Enroll = seeingCodes(func(code string) { newest.Store(code) })
			s.Wrap = saying(&newest)
		},
	},
	{
		Name:   "audit answers tell PINs",
		About:  "The record of an enrolment, and with it the audit that the bank reads, has the PIN.",
		Claims: []string{"ST-2.1-e"},
		Reason: "PIN as text in the whole audit",
		Break: func(s *Seams) {
			var newest atomic.Value
			s.Enroll = seeingPINs(func(pin string) { newest.Store(pin) })
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &newest} }
		},
	},
	{
		Name:   "enrolment can be repeated",
		About:  "Who enrols a user again gets the first answer again, PIN and registration code included.",
		Claims: []string{"ST-2.2.1-c"},
		Reason: "a second enrolment of the user is not refused",
		Break:  func(s *Seams) { s.Wrap = (&repeating{answers: map[string][]byte{}}).wrap },
	},
	{
		Name:   "later answers tell the PIN",
		About:  "The bank's answers after an enrolment carry the PIN in a header field.",
		Claims: []string{"ST-2.2.1-c"},
		Reason: "PIN as text in a later answer of the API",
		Break: func(s *Seams) {
			var newest atomic.Value
			s.Enroll = seeingPINs(func(pin string) { newest.Store(pin) })
			s.Wrap = saying(&newest)
		},
	},
	{
		Name:   "TOK in the log",
		About:  "Enrolment computes TOK on the host and logs it at debug level.",
		Claims: []string{"ST-6.3-conf"},
		Reason: "TOK as hexadecimal in the log",
		Break: func(s *Seams) {
			var log *slog.Logger
			s.MPP = func(p *mpp.Parts) { log = p.Log }
			onDerivations(func(m *derivations) {
				m.derive = m.told(func(tok []byte) { log.Debug("derived", "tok", hex.EncodeToString(tok)) })
			})(s)
		},
	},
	{
		Name:   "PIN on standard error",
		About:  "Enrolment prints the PIN that it has drawn, beside the log.",
		Claims: []string{"ST-6.3-conf"},
		Reason: "PIN as text in the log",
		Break: func(s *Seams) {
			s.Enroll = seeingPINs(func(pin string) { fmt.Fprintln(os.Stderr, "drew", pin) })
		},
	},
	{
		Name:   "C in a temporary file",
		About:  "Enrolment leaves each C in a file of the system's directory for temporary ones.",
		Claims: []string{"ST-6.3-conf"},
		Reason: "C as raw bytes in file tmp/",
		Break: onDerivations(func(m *derivations) {
			tok := m.told(func([]byte) {})
			m.derive = func(sh pkcs11.SessionHandle, kek, c []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
				if err := os.WriteFile(filepath.Join(os.TempDir(), "eps-"+rand.Text()), c, 0o600); err != nil {
					return 0, err
				}
				return tok(sh, kek, c, template)
			}
		}),
	},
	{
		Name:   "KEK in the log",
		About:  "Enrolment logs KEK in base64 at debug level.",
		Claims: []string{"ST-6.3-conf"},
		Reason: "KEK as base64 in the log",
		Break: func(s *Seams) {
			var log *slog.Logger
			s.MPP = func(p *mpp.Parts) { log = p.Log }
			withKDF(func(pin, salt []byte, iterations int) ([]byte, error) {
				kek, err := enroll.PBKDF2(pin, salt, iterations)
				log.Debug("derived", "key", base64.StdEncoding.EncodeToString(kek))
				return kek, err
			})(s)
		},
	},
}

// seeingCodes hands the digits of every registration code to f.
func seeingCodes(f func(code string)) func(*enroll.Parts) {
	return func(p *enroll.Parts) {
		p.Codes = func(random io.Reader, digits int) (string, []byte, error) {
			locator, code, err := enroll.DrawCode(random, digits)
			f(string(code))
			return locator, code, err
		}
	}
}

// repeating keeps the answer to each enrolment, and gives it to the same question.
type repeating struct {
	mu      sync.Mutex
	answers map[string][]byte
}

func (k *repeating) wrap(listener string, h http.Handler) http.Handler {
	if listener != "bank" {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/tokens" {
			h.ServeHTTP(w, r)
			return
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		user := userOf(r)
		if answer, ok := k.answers[user]; ok {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(answer) // the caller has gone
			return
		}
		copied := &copying{ResponseWriter: w}
		h.ServeHTTP(copied, r)
		k.answers[user] = copied.body.Bytes()
	})
}

// copying keeps a copy of an answer's body.
type copying struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (c *copying) Write(b []byte) (int, error) {
	c.body.Write(b)
	return c.ResponseWriter.Write(b)
}
