package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"strings"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// binding: a secret is its user's and its token's, on the way and at rest.
func binding(w *world) {
	It("takes no message that was changed, and nothing from one that comes again", conformance.Claims("ST-PLUGIN-BIND", "ST-6.4-a"), func(ctx SpecContext) {
		alice, bob := w.equipped(ctx, conformance.EnrolRequest{}), w.equipped(ctx, conformance.EnrolRequest{})
		before := w.credentials(ctx)
		forged := w.forgeries(alice, bob)
		genuine, _ := w.creation(alice.Token)
		for _, f := range forged {
			Expect(w.deliver(ctx, f.bytes)).To(Equal(http.StatusForbidden), "%s: status of the answer", f.what)
		}
		Expect(w.credentials(ctx)).To(Equal(before), "a changed message has changed the authentication server's rows")

		again := w.deliver(ctx, encoded(genuine.Body, genuine.MAC))
		Expect(w.credentials(ctx)).To(Equal(before), "a replayed message has changed the authentication server's rows")

		Expect(bob.accepted(ctx, alice.otp())).To(BeFalse(), "an OTP of one user is accepted for another")
		Expect(alice.accepted(ctx, alice.otp())).To(BeTrue(), "after that the right OTP is refused")
		conformance.Observe("%d messages with parts of another's, each refused with 403; the message itself once more, answered %d; no row changed, and each user's OTPs stayed the user's", len(forged), again)
	})
	It("puts a MAC over identity and cryptogram of each row there", conformance.Claims("ST-PLUGIN-BIND"), func(ctx SpecContext) {
		w.people(ctx)
		s := open(ctx, w.Target, "authserver")
		key := s.secret("ROW-AS")
		all := rows(w.tables(ctx), "authserver", "credentials", "", "")
		Expect(all).NotTo(BeEmpty())
		for _, r := range all {
			Expect(s.mac(key, r.vouched())).To(Equal(r["mac"]), "the MAC of a row is not the one over all its fields")
		}
		conformance.Observe("the MACs of %d rows are those of ROW-AS over user, token, suite, cryptogram, counters, state and version", len(all))
	})
}

// credentials is all that the authentication server knows of tokens.
func (w *world) credentials(ctx context.Context) []record {
	GinkgoHelper()
	return rows(w.tables(ctx), "authserver", "credentials", "", "")
}

func (s session) mac(key pkcs11.ObjectHandle, data []byte) []byte {
	GinkgoHelper()
	Expect(s.SignInit(s.handle, plain(pkcs11.CKM_SHA256_HMAC), key)).To(Succeed(), "C_SignInit")
	mac, err := s.Sign(s.handle, data)
	Expect(err).NotTo(HaveOccurred(), "C_Sign")
	return mac
}

// forgery is a message that whoever holds the wire can make of those that went over it.
type forgery struct {
	what  string
	bytes []byte
}

// forgeries give one user's secret to another user, to another token, or to somebody new.
func (w *world) forgeries(alice, bob *user) []forgery {
	GinkgoHelper()
	ours, a := w.creation(alice.Token)
	theirs, b := w.creation(bob.Token)
	swapped := b
	swapped.Blob = a.Blob
	renamed := a
	renamed.User, renamed.Key = b.User, b.Key
	stranger := a
	stranger.User, stranger.Token = "store-stranger", strings.Repeat("0", 20)+rand.Text()[:6]
	stranger.Token = strings.Map(crockford, stranger.Token)
	stranger.Key = stranger.Token + "-0000000001-create"
	return []forgery{
		{"the other user's cryptogram", encoded(encodedMessage(swapped), theirs.MAC)},
		{"the other user's cryptogram under its own MAC", encoded(encodedMessage(swapped), ours.MAC)},
		{"the other user's name", encoded(encodedMessage(renamed), ours.MAC)},
		{"a new user's name and token", encoded(encodedMessage(stranger), ours.MAC)},
		{"the other message's MAC", encoded(ours.Body, theirs.MAC)},
		{"no MAC", encoded(ours.Body, make([]byte, len(ours.MAC)))},
	}
}

// crockford keeps a letter of base32 among those of Crockford's.
func crockford(r rune) rune {
	if strings.ContainsRune("ILOU", r) {
		return 'X'
	}
	return r
}

func encodedMessage(c create) []byte {
	GinkgoHelper()
	return encoded(c.Op, c.Key, c.Service, c.User, c.Token, c.Suite, c.TRKVersion, c.PINDigits, c.TOKLength, c.Blob)
}

// deliver posts a plug-in message as the EPS would, and gives the status of the answer.
func (w *world) deliver(ctx context.Context, message []byte) int {
	GinkgoHelper()
	for _, surface := range w.Target.(conformance.Listeners).Surfaces() {
		if surface.Name != "plugin" {
			continue
		}
		route := surface.Routes[0]
		r, err := http.NewRequestWithContext(ctx, route.Method, surface.URL+route.Path, bytes.NewReader(message))
		Expect(err).NotTo(HaveOccurred())
		r.Header.Set("Content-Type", route.ContentType)
		answer, err := surface.Client.Do(r)
		Expect(err).NotTo(HaveOccurred(), "a plug-in message")
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		Expect(err).NotTo(HaveOccurred())
		return answer.StatusCode
	}
	Fail("the target has no plug-in listener")
	return 0
}
