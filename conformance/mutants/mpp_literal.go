package mutants

import (
	"bytes"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

// provisioningLiteral are the mutants of MPP v1, the text taken literally.
var provisioningLiteral = []Mutant{
	{
		Name:   "the MAC of v1 leaves fields out",
		About:  "The HMAC under K2 covers the grant, and neither version, suite and key id nor the request's hash.",
		Claims: []string{"ST-6.3-6", "ST-6.3-8"},
		Reason: "the MAC does not check",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return headlessMAC{m} }),
	},
	{
		Name:   "one key is taken for two in v1",
		About:  "Where K1 is K2 the EPS helps itself to another K1.",
		Claims: []string{"ST-KEY-K1K2"},
		Reason: "K1 = K2 (v1)",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return helpfulKeys{m} }),
	},
	{
		Name:   "v1 answers under one key",
		About:  "C is wrapped under a key that is the same for every phone instead of under K1.",
		Claims: []string{"ST-6.3-2"},
		Reason: "W does not unwrap",
		Break:  sameK1,
	},
	{
		Name:   "the private key of v1 also unwraps",
		About:  "The pair of v1 is made with a second use.",
		Claims: []string{"ST-6.3-4"},
		Reason: "the private key: CKA_UNWRAP",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return unwrappingPair{m} }),
	},
	{
		Name:   "the code of v1 is left in a header",
		About:  "A header made for debugging has the code that the HSM has decrypted.",
		Claims: []string{"ST-6.5-M1"},
		Reason: "the digits of the code",
		Break:  leavingCode,
	},
	{
		Name:   "a refusal of v1 is shorter than a grant",
		About:  "The random body of a refusal has 580 bytes.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "580 bytes",
		Break:  onRefusalsOf(wire1.Path, func(_ http.Header, body []byte) []byte { return body[:580] }),
	},
	{
		Name:   "a code of v1 is good at every service",
		About:  "The index of a code without a locator leaves out the service, and nobody compares it later.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "a code of another service (v1)",
		Break: indexing("code of another token", func(i *codeIndex) {
			if i.Locator == "" {
				i.Service = ""
			}
		}),
	},
	{
		Name:   "a code of version 2 is taken in version 1",
		About:  "The index of every code leaves out the locator, and nobody compares the version.",
		Claims: []string{"ST-6.5-M2"},
		Reason: "the digits of a code of version 2, without its locator",
		Break:  indexing("code of another version", func(i *codeIndex) { i.Locator = "" }),
	},
	{
		Name:   "guesses at codes of v1 are hardly delayed",
		About:  "A million guesses are let through at once, before the rate counts.",
		Claims: []string{"ST-KEY-RC"},
		Reason: "guesses from as many addresses",
		Break:  func(s *Seams) { s.Config = func(c *server.Config) { c.Limits.V1Burst = 1_000_000 } },
	},
	{
		Name:   "codes of v1 are issued without end",
		About:  "How many codes without a locator are live is not counted.",
		Claims: []string{"ST-KEY-RC"},
		Reason: "live codes without a locator",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) {
				p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return freeGuesses{tx} })
			}
		},
	},
}

type headlessMAC struct{ cryptoki.Module }

func (m headlessMAC) Sign(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	const header = 2 + 67 // length, and what is before the grant (PROTOCOL-1.md §5)
	if len(data) == wire1.BodySize {
		data = data[header:]
	}
	return m.Module.Sign(sh, data)
}

type helpfulKeys struct{ cryptoki.Module }

func (m helpfulKeys) Decrypt(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	plain, err := m.Module.Decrypt(sh, data)
	if err != nil || len(plain) < 2*wire1.KeySize {
		return plain, err
	}
	k1, k2 := plain[:wire1.KeySize], plain[wire1.KeySize:2*wire1.KeySize]
	if bytes.Equal(k1, k2) {
		for i := range k1 {
			k1[i] = byte(i)
		}
	}
	return plain, nil
}

// sameK1 begins when the EPS has probed its HSM with known answers.
func sameK1(s *Seams) {
	var serving atomic.Bool
	s.MPP = func(*mpp.Parts) { serving.Store(true) }
	onModule("eps", func(m cryptoki.Module) cryptoki.Module { return constantK1{m, &serving} })(s)
}

type constantK1 struct {
	cryptoki.Module
	serving *atomic.Bool
}

func (m constantK1) CreateObject(sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	wraps := slices.ContainsFunc(t, func(a *pkcs11.Attribute) bool { return a.Type == pkcs11.CKA_WRAP && a.Value[0] == 1 })
	if m.serving.Load() && wraps {
		t = with(t, pkcs11.CKA_VALUE, bytes.Repeat([]byte("K1"), wire1.KeySize/2))
	}
	return m.Module.CreateObject(sh, t)
}

type unwrappingPair struct{ cryptoki.Module }

func (m unwrappingPair) GenerateKeyPair(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, public, private []*pkcs11.Attribute) (pkcs11.ObjectHandle, pkcs11.ObjectHandle, error) {
	if slices.ContainsFunc(private, func(a *pkcs11.Attribute) bool { return a.Type == pkcs11.CKA_DECRYPT && a.Value[0] == 1 }) {
		private = with(private, pkcs11.CKA_UNWRAP, []byte{1})
	}
	return m.Module.GenerateKeyPair(sh, mechanism, public, private)
}

func leavingCode(s *Seams) {
	var newest atomic.Value
	onModule("eps", func(m cryptoki.Module) cryptoki.Module { return overheard{m, &newest} })(s)
	s.Wrap = on("public", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept := &keptAnswer{ResponseWriter: w}
			h.ServeHTTP(kept, r)
			if code, ok := newest.Load().(string); ok {
				w.Header().Set("X-Debug-Code", code)
			}
			w.WriteHeader(kept.status)
			_, _ = w.Write(kept.body.Bytes()) // the caller has gone
		})
	})
}

type overheard struct {
	cryptoki.Module
	newest *atomic.Value
}

func (m overheard) Decrypt(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	plain, err := m.Module.Decrypt(sh, data)
	if len(plain) > 2*wire1.KeySize {
		m.newest.Store(string(plain[2*wire1.KeySize:]))
	}
	return plain, err
}

// codeIndex is what the index of a code covers.
type codeIndex struct {
	_       struct{} `cbor:",toarray"`
	Service string
	Locator string
	Code    []byte
}

// indexing changes what the index of a code covers, and leaves out the rule that would
// find it out.
func indexing(rule string, change func(*codeIndex)) func(*Seams) {
	return func(s *Seams) {
		s.MPP = withoutRule(rule)
		onModule("eps", func(m cryptoki.Module) cryptoki.Module { return reindexed{m, change} })(s)
	}
}

type reindexed struct {
	cryptoki.Module
	change func(*codeIndex)
}

func (m reindexed) Sign(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	var i codeIndex
	if cbor.Unmarshal(data, &i) == nil && len(i.Code) > 0 {
		m.change(&i)
		if again, err := cbor.Marshal(i); err == nil {
			data = again
		}
	}
	return m.Module.Sign(sh, data)
}

type freeGuesses struct{ store.Tx }

func (freeGuesses) GuessableCodes(time.Time) (int, error) { return 0, nil }
