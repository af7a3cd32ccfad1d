package authserver

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"

	"github.com/fxamacker/cbor/v2"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// thirdParty: the authentication server is the third party that EPS and bank trust. Both
// sides of the link prove who they are.
func thirdParty(t conformance.Target) {
	It("takes messages of its EPS alone", conformance.Claims("RGS-RègleTiersDeConfiance-1"), func(ctx SpecContext) {
		enrolSomebody(ctx, t)
		messages := t.(conformance.PluginTap).PluginMessages()
		genuine := messages[len(messages)-1]
		plug := surfaceOf(t, "plugin")
		n := 0
		for what, body := range unsigned(genuine) {
			status := posted(ctx, plug.Client, plug, body)
			Expect(status).NotTo(Equal(http.StatusOK), "%s, under the EPS's certificate, is taken", what)
			n++
		}
		for what, client := range map[string]*http.Client{"nobody": plug.Stranger, "the bank": surfaceOf(t, "bank").Client, "whoever asks about OTPs": surfaceOf(t, "auth").Client} {
			Expect(posted(ctx, client, plug, genuine)).NotTo(Equal(http.StatusOK), "a genuine message is taken from %s", what)
			n++
		}
		Expect(posted(ctx, plug.Client, plug, genuine)).To(Equal(http.StatusOK), "the genuine message under the EPS's certificate")
		conformance.Observe("%d messages without the EPS's MAC or without its certificate are refused; the genuine one, under its certificate, is answered", n)
	})
	It("believes the authentication server alone", conformance.Claims("RGS-RègleTiersDeConfiance-2"), func(ctx SpecContext) {
		impostor := t.(conformance.PluginImpostor)
		DeferCleanup(func() { impostor.Impersonate(nil) })
		var earlier []byte
		impostor.Impersonate(func(_ []byte, genuine func() []byte) []byte {
			earlier = genuine()
			return earlier
		})
		enrolSomebody(ctx, t)
		for what, forge := range forgers(&earlier) {
			asked := 0
			impostor.Impersonate(func(message []byte, genuine func() []byte) []byte {
				asked++
				return forge(message, genuine)
			})
			_, err := t.(conformance.Enroller).Enrol(ctx, conformance.EnrolRequest{Service: declared(t).Services[0], User: newName()})
			if asked == 0 {
				conformance.Broken("the EPS enrols without asking the authentication server")
			}
			var refused *conformance.Refused
			Expect(errors.As(err, &refused)).To(BeTrue(), "%s is believed: the EPS enrols on the word of somebody else", what)
		}
		impostor.Impersonate(nil)
		enrolSomebody(ctx, t)
		conformance.Observe("%d answers of somebody else in the authentication server's place, each to an enrolment: none is believed, and the EPS enrols again when the right one answers", len(forgers(&earlier)))
	})
}

// envelope is what goes over the link: what is said, and the MAC over it.
type envelope struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	MAC  []byte
}

func opened(message []byte) envelope {
	GinkgoHelper()
	var e envelope
	Expect(cbor.Unmarshal(message, &e)).To(Succeed(), "a message of the link")
	return e
}

func (e envelope) encoded() []byte {
	b, err := cbor.Marshal(e)
	if err != nil {
		conformance.Broken("CBOR: %v", err)
	}
	return b
}

// unsigned are messages of whoever has seen one.
func unsigned(genuine []byte) map[string][]byte {
	GinkgoHelper()
	e := opened(genuine)
	changed := bytes.Clone(e.Body)
	changed[len(changed)-1] ^= 1
	return map[string][]byte{
		"a message without a MAC":             envelope{Body: e.Body, MAC: []byte{}}.encoded(),
		"a message under a MAC of zeros":      envelope{Body: e.Body, MAC: make([]byte, len(e.MAC))}.encoded(),
		"a message under a MAC that is drawn": envelope{Body: e.Body, MAC: drawn(len(e.MAC))}.encoded(),
		"a changed message under its old MAC": envelope{Body: changed, MAC: e.MAC}.encoded(),
		"a message without its envelope":      e.Body,
	}
}

// forgers say what the EPS wants to hear, but for the last two, which say nothing.
func forgers(earlier *[]byte) map[string]conformance.Forger {
	return map[string]conformance.Forger{
		"consent under a MAC of zeros": func(m []byte, _ func() []byte) []byte {
			return envelope{Body: consent(m), MAC: make([]byte, sha256.Size)}.encoded()
		},
		"consent under a MAC that is drawn": func(m []byte, _ func() []byte) []byte {
			return envelope{Body: consent(m), MAC: drawn(sha256.Size)}.encoded()
		},
		"consent under the MAC of the question": func(m []byte, _ func() []byte) []byte {
			var e envelope
			_ = cbor.Unmarshal(m, &e) // the EPS's own
			return envelope{Body: consent(m), MAC: e.MAC}.encoded()
		},
		"the genuine answer with a bit of its MAC changed": func(_ []byte, genuine func() []byte) []byte {
			b := genuine()
			b[len(b)-1] ^= 1
			return b
		},
		"the genuine answer to an earlier question": func([]byte, func() []byte) []byte { return *earlier },
		"the question itself":                       func(m []byte, _ func() []byte) []byte { return m },
		"an empty answer":                           func([]byte, func() []byte) []byte { return nil },
	}
}

// consent is what the authentication server says of a message that it has taken.
func consent(message []byte) []byte {
	sum := sha256.Sum256(message)
	b, _ := cbor.Marshal([]any{sum[:], "done"}) // bytes and a text
	return b
}

func drawn(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

func enrolSomebody(ctx context.Context, t conformance.Target) {
	GinkgoHelper()
	enrolled(ctx, t, "attack", conformance.EnrolRequest{})
}

func surfaceOf(t conformance.Target, name string) conformance.Surface {
	GinkgoHelper()
	for _, s := range t.(conformance.Listeners).Surfaces() {
		if s.Name == name {
			return s
		}
	}
	conformance.Block("the target has no listener %q", name)
	return conformance.Surface{}
}

// posted gives the status of the answer to a message; 0 where there was none.
func posted(ctx context.Context, client *http.Client, s conformance.Surface, body []byte) int {
	GinkgoHelper()
	route := s.Routes[0]
	r, err := http.NewRequestWithContext(ctx, route.Method, s.URL+route.Path, bytes.NewReader(body))
	Expect(err).NotTo(HaveOccurred())
	r.Header.Set("Content-Type", route.ContentType)
	answer, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body) // only the status counts
	return answer.StatusCode
}
