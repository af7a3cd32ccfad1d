package store

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
	"github.com/epsbench/epsbench/conformance/people"
)

// ways are the calls by which a clear value may be told, each with why it is not searched for;
// empty: it is.
var ways = map[string]string{
	"C_GenerateKey": "", "C_GenerateKeyPair": "", "C_UnwrapKey": "", "C_DeriveKey": "", "C_CopyObject": "",
	"C_CreateObject":      "", // KEK and C of an enrolment: the host knows them, and keeps them nowhere
	"C_Decrypt":           "the host has asked for it: what st-2.6.1 keeps under DBK, blocks of MPP v1, known answers",
	"C_GetAttributeValue": "the key may be read; it is searched for by the call that made it",
}

// leastValue is that of an AES-128 key, in bytes: what is shorter occurs by chance.
const leastValue = 16

// values: what an HSM keeps to itself is nowhere else. One that stands in for an HSM tells all
// keys, also those that no phone has.
func values(w *world) {
	It("keeps and tells the value of no permanent key", conformance.Claims("ST-KEY-MK-values"), func(ctx SpecContext) {
		places := w.everywhere(ctx)
		keys := w.told(func(k conformance.HSMKey) bool { return k.Label != "" })
		for _, which := range tokens {
			for _, label := range open(ctx, w.Target, which).permanents() {
				isTold := slices.ContainsFunc(keys, func(k conformance.HSMKey) bool { return k.Slot == which && k.Label == label })
				Expect(isTold).To(BeTrue(), "the HSM tells the value of no key called %s of %s", label, which)
			}
		}
		expectOutside(keys, places)
	})
	It("keeps and tells the value of no key of a session", conformance.Claims("ST-6.3-conf-values"), func(ctx SpecContext) {
		places := w.everywhere(ctx)
		keys := w.told(func(k conformance.HSMKey) bool { return k.Label == "" })
		w.expectSight(ctx, keys)
		expectOutside(keys, places)
	})
}

// told are the keys that are wanted, by any call that is searched for. They end with the spec.
func (w *world) told(wanted func(conformance.HSMKey) bool) []conformance.HSMKey {
	GinkgoHelper()
	all, err := w.Target.(conformance.HSMKeys).Keys()
	if err != nil {
		conformance.Broken("the keys of the HSMs: %v", err)
	}
	DeferCleanup(func() {
		for _, k := range all {
			k.Clear()
		}
	})
	left := map[string]int{}
	keys := slices.DeleteFunc(slices.Clone(all), func(k conformance.HSMKey) bool {
		why, known := ways[k.From]
		Expect(known).To(BeTrue(), "a value came by %s, of which nobody knows what it means", k.From)
		if why != "" && wanted(k) {
			left[k.From]++
		}
		return why != "" || !wanted(k)
	})
	for _, function := range slices.Sorted(maps.Keys(left)) {
		conformance.Observe("left out by %s (%d): %s", function, left[function], ways[function])
	}
	return keys
}

// everywhere are all places where a value could be: what is stored and logged, both wires,
// and what is answered about a token and about users, one of whom is enrolled by it.
func (w *world) everywhere(ctx context.Context) []hunt.Place {
	GinkgoHelper()
	crowd := w.people(ctx)
	u := w.equipped(ctx, conformance.EnrolRequest{})
	stranger := &user{User: people.New(w.Target.(people.EPS), "store"), w: w}
	answers := hunt.Place{Name: "the answers of the routes", Data: slices.Concat(
		w.named(ctx, "bank", stranger), w.named(ctx, "auth", u), hunt.Answers(ctx, w.Target, u.Token).Data, w.audited(ctx, ""))}
	columns, files, logs := hunt.Columns(ctx, w.Target), hunt.Files(ctx, w.Target), hunt.Logs(ctx, w.Target)
	hunt.ExpectInUse(u.Token, []hunt.Place{answers}, columns, files, logs)
	return slices.Concat(columns, files, logs, []hunt.Place{answers}, w.pluginWire(), phoneWire(append(slices.Clone(crowd), u)))
}

// expectSight: the keys that the phones know are among those that the HSM tells. So it tells
// what it should.
func (w *world) expectSight(ctx context.Context, keys []conformance.HSMKey) {
	GinkgoHelper()
	n := 0
	for _, u := range w.people(ctx) {
		for _, known := range u.phoneKeys() {
			isTold := slices.ContainsFunc(keys, func(k conformance.HSMKey) bool { return bytes.Equal(k.Value(), known.value) })
			Expect(isTold).To(BeTrue(), "the HSM does not tell the %s of a phone", known.name)
			n++
		}
	}
	conformance.Observe("%d keys that phones know are among those told", n)
}

// expectOutside fails for each key whose value is in a place.
func expectOutside(keys []conformance.HSMKey, places []hunt.Place) {
	GinkgoHelper()
	var needles []hunt.Needle
	came := map[string]int{}
	for _, k := range keys {
		Expect(len(k.Value())).To(BeNumerically(">=", leastValue), "bytes of %s", k)
		needles = append(needles, hunt.Bytes(k.String(), k.Value()))
		came[k.Slot+" by "+k.From]++
	}
	conformance.Observe("values told: %s", tell(came))
	hunt.For(needles...).ExpectNothing(places)
}

// permanents are the labels of the secret and private keys that the token lists.
func (s session) permanents() []string {
	GinkgoHelper()
	var labels []string
	for _, class := range []uint{pkcs11.CKO_SECRET_KEY, pkcs11.CKO_PRIVATE_KEY} {
		for _, o := range s.search(attribute(pkcs11.CKA_TOKEN, true), attribute(pkcs11.CKA_CLASS, class)) {
			labels = append(labels, s.label(o))
		}
	}
	return labels
}
