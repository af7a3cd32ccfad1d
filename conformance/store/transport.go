package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// envelope and create are the two layers of a plug-in message (CONTRACT.md §2).
type (
	envelope struct {
		_    struct{} `cbor:",toarray"`
		Body []byte
		MAC  []byte
	}
	create struct {
		_          struct{} `cbor:",toarray"`
		Op         string
		Key        string
		Service    string
		User       string
		Token      string
		Suite      string
		TRKVersion int
		PINDigits  int
		TOKLength  int
		Blob       []byte
	}
)

// trk is the label of the key that the cryptogram is under, at the authentication server.
func (c create) trk() string { return fmt.Sprintf("TRK/%d", c.TRKVersion) }

// creation is the message that took a token to the authentication server.
func (w *world) creation(token string) (envelope, create) {
	GinkgoHelper()
	for _, m := range slices.Backward(w.Target.(conformance.PluginTap).PluginMessages()) {
		var e envelope
		var c create
		if cbor.Unmarshal(m, &e) == nil && cbor.Unmarshal(e.Body, &c) == nil && c.Op == "create" && c.Token == token {
			return e, c
		}
	}
	Fail("no plug-in message that creates the token was seen")
	return envelope{}, create{}
}

// transport: between the two servers TOK is a cryptogram under TRK.
func transport(w *world) {
	It("sends TOK under TRK, and TRK serves nothing else", conformance.Claims("ST-KEY-TRK"), func(ctx SpecContext) {
		u := w.equipped(ctx, conformance.EnrolRequest{})
		_, c := w.creation(u.Token)
		there := open(ctx, w.Target, "authserver")
		key := there.secret(c.trk())
		there.expectTOK(key, c.Blob, u)

		n := there.beRefused("ASK", []attempt{{"unwrap the cryptogram", func() (pkcs11.ObjectHandle, error) {
			return there.unwrap(there.secret("ASK"), c.Blob, asSigning)
		}}})
		n += there.expectOneForm(key, c.Blob, stored{name: "TOK", as: asTransit})
		n += there.expectOnly(key, "TRK")

		here := open(ctx, w.Target, "eps")
		blob := trk.blob(w.tables(ctx))
		n += here.expectOneForm(here.secret(trk.master), blob, trk)
		ours := here.opened(trk, blob)
		n += here.expectOnly(ours, "TRK", pkcs11.CKA_WRAP)
		n += here.beRefused("TRK", []attempt{{"unwrap the cryptogram", func() (pkcs11.ObjectHandle, error) { return here.unwrap(ours, c.Blob, asTransit) }}})
		conformance.Observe("the cryptogram of %d bytes opens under TRK at the authentication server, to this user's TOK; %d other uses at either side were refused", len(c.Blob), n)
	})
	It("shows TOK to nobody on the way, and keeps it for signing there", conformance.Claims("ST-6.2.1-b"), func(ctx SpecContext) {
		u := w.equipped(ctx, conformance.EnrolRequest{})
		hunt.ExpectInUse(u.Token, w.pluginWire())
		hunt.For(u.needles()...).ExpectNothing(w.pluginWire())
		s := open(ctx, w.Target, "authserver")
		_, c := w.creation(u.Token)
		s.expectTOK(s.secret(c.trk()), c.Blob, u)
		s.expectAtRest(ctx, u)
	})
	It("has no TOK of a token that was revoked", conformance.Claims("ST-6.2.1-b"), func(ctx SpecContext) {
		u := w.equipped(ctx, conformance.EnrolRequest{})
		held := len(credential(w.tables(ctx), u)["wrapped"])
		Expect(held).To(BeNumerically(">", 0), "bytes of TOK at rest")
		Expect(w.enroller().Change(ctx, u.Token, "revoke")).To(Succeed(), "revoke")
		Expect(credential(w.tables(ctx), u)["wrapped"]).To(BeEmpty(), "TOK of a revoked token is still in the authentication server's database")
		conformance.Observe("the row of a token had %d bytes of TOK, and none when the token was revoked", held)
	})
}

// expectTOK: under TRK there is the TOK that the phone has.
func (s session) expectTOK(key pkcs11.ObjectHandle, blob []byte, u *user) {
	GinkgoHelper()
	tok, err := s.unwrap(key, blob, asTransit)
	Expect(err).NotTo(HaveOccurred(), "the cryptogram on the plug-in does not open under TRK")
	DeferCleanup(s.DestroyObject, s.handle, tok)
	s.expectNoCheckValue(tok, "TOK")
	known := make([]byte, 32)
	got, err := s.wrap(s.create(known, made(pkcs11.CKK_AES, false, pkcs11.CKA_WRAP)), tok)
	Expect(err).NotTo(HaveOccurred(), "C_WrapKey")
	want, err := oracle.Wrap(known, u.tok())
	Expect(err).NotTo(HaveOccurred())
	Expect(got).To(Equal(want), "what TRK opens is not the user's TOK")
}

// expectAtRest: in the authentication server's database TOK is under ASK, and comes back
// as a key that signs and cannot leave.
func (s session) expectAtRest(ctx context.Context, u *user) {
	GinkgoHelper()
	r := only(u.w.tables(ctx), "authserver", "credentials", "token", u.Token)
	ask := s.secret("ASK")
	tok, err := s.unwrap(ask, r["wrapped"], asSigning)
	Expect(err).NotTo(HaveOccurred(), "TOK at rest does not open under ASK")
	DeferCleanup(s.DestroyObject, s.handle, tok)
	s.expectNoCheckValue(tok, "TOK")
	n := s.expectOneForm(ask, r["wrapped"], stored{name: "TOK", as: asSigning})
	n += s.expectOnly(tok, "TOK", pkcs11.CKA_SIGN)
	n += s.beRefused("TOK", s.exports(tok, []pkcs11.ObjectHandle{ask}))
	Expect(u.accepted(ctx, s.otp(tok, u))).To(BeTrue(), "what ASK opens does not make the user's OTPs")
	conformance.Observe("at rest it opens under ASK to a key whose OTP is accepted; %d attempts to open it otherwise, read, wrap or use it were refused", n)
}
