package mpp

import (
	"bytes"
	"context"
	"crypto/rsa"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// stolen holds the specs on recordings in the hands of who gets at the HSM's keys later.
func stolen(t conformance.Target) {
	It("keeps a recorded session closed to who steals its keys later", conformance.Claims("RGS-B1a-FS"), func(ctx SpecContext) {
		open(t).staysClosed(ctx)
	})
	It("keeps a recorded session closed to who steals its keys later (v1)", conformance.Claims("RGS-B1a-FS"), func(ctx SpecContext) {
		openV1(t).isOpened(ctx)
	})
}

// staysClosed gives the thief S, which is all that the HSM's keys open, with all that was
// on the line: what is missing is a Diffie-Hellman secret, which has to be another one
// each time.
func (e eps) staysClosed(ctx context.Context) {
	one, two := e.enrol(ctx), e.enrol(ctx)
	first := e.request(one)
	a, _ := e.expectAccepted(ctx, one, first, "the session that is recorded")
	second := e.request(two, func(r *oracle.Request) {
		r.S, r.Nonce, r.Ephemeral = first.Request.S, first.Request.Nonce, first.Request.Ephemeral
	})
	b, _ := e.expectAccepted(ctx, two, second, "another session of the same secrets")
	Expect(bytes.Equal(point(a.Body), point(b.Body))).To(BeFalse(), "two sessions have the same ephemeral key of the EPS: who has it opens both recordings")
	phones := first.Request.Ephemeral.PublicKey().Bytes()
	for what, z := range map[string][]byte{
		"nothing": {}, "zeros": make([]byte, 32), "S": first.Request.S,
		"the phone's point": phones[1:33], "the EPS's point": point(a.Body)[1:33],
	} {
		_, err := first.Robbed(a.Body, z, e.now())
		Expect(err).To(Equal(oracle.BadTag), "the recording opens with S and %s for the secret of the ephemeral keys", what)
	}
	conformance.Observe("v2: with S, and so K_t and K_c, and all that was on the line the recording stays closed: its key also comes from two ephemeral keys, of which the EPS draws another for each session, also for one with the same S, nonce and phone's key")
}

// isOpened has the HSM's private key open the recorded block, as who has stolen it could.
func (e eps) isOpened(ctx context.Context) {
	c := e.enrol(ctx)
	s := e.literal(c)
	answer, grant := e.expectAccepted(ctx, c, s, "the session that is recorded (v1)")
	plain := e.decrypts(ctx, e.Pinned().V1.Key, s.Block)
	thief, err := s.Taken(plain)
	Expect(err).NotTo(HaveOccurred(), "what the private key opens")
	found, err := thief.Open(answer.Body, e.now())
	if err == nil && bytes.Equal(found.Inner().C, grant.Inner().C) {
		conformance.Limit("v1, the text taken literally: K1 and K2 travel under one RSA key that lasts (PROTOCOL-1.md §8), so that this key opens the recorded request, and K1 and K2 the recorded answer; version 2 has an ephemeral exchange against this")
	}
	conformance.Observe("v1: the private key does not open the recording: %v", err)
}

// decrypts has the EPS's private key open a block.
func (e eps) decrypts(ctx context.Context, public *rsa.PublicKey, block []byte) (plain []byte) {
	GinkgoHelper()
	hash, mgf := uint(pkcs11.CKM_SHA256), uint(pkcs11.CKG_MGF1_SHA256)
	if e.Pinned().Suite == 2 {
		hash, mgf = pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1
	}
	oaep := pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(hash, mgf, pkcs11.CKZ_DATA_SPECIFIED, nil))
	withPrivateKey(ctx, e.Target, public, func(m cryptoki.Module, session pkcs11.SessionHandle, key pkcs11.ObjectHandle) {
		Expect(m.DecryptInit(session, []*pkcs11.Mechanism{oaep}, key)).To(Succeed(), "C_DecryptInit")
		var err error
		plain, err = m.Decrypt(session, block)
		Expect(err).NotTo(HaveOccurred(), "C_Decrypt")
	})
	return plain
}
