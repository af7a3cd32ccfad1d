package store

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// Kinds of calls in a trace of the EPS's HSM, by function and mechanism.
const (
	createsKey = "C_CreateObject"
	wrapsKey   = "C_WrapKey CKM_AES_KEY_WRAP"
	unwrapsKey = "C_UnwrapKey CKM_AES_KEY_WRAP"
	opensS     = "C_UnwrapKey CKM_RSA_PKCS_OAEP"
	derivesKey = "C_DeriveKey CKM_AES_ECB_ENCRYPT_DATA"
)

// mechanisms: the two envelopes, as the HSM's trace shows them.
func mechanisms(w *world) {
	It("makes and opens the envelopes in the HSM, with AES alone", conformance.Claims("ST-6.2.1-a"), func(ctx SpecContext) {
		w.equipped(ctx, conformance.EnrolRequest{}) // what is loaded on first use is there now
		var u *user
		enrolment := w.traced(func() { u = w.enrol(ctx, conformance.EnrolRequest{}) })
		delivery := w.traced(func() { u.provision(ctx) })
		Expect(bringing(keyCalls(enrolment))).To(Equal(bringing(w.form().enrolling)), "enrolment: %s", tell(keyCalls(enrolment)))
		Expect(bringing(keyCalls(delivery))).To(Equal(bringing(w.form().provisioning)), "provisioning: %s", tell(keyCalls(delivery)))
		conformance.Observe("enrolment: %s; provisioning: %s", tell(keyCalls(enrolment)), tell(keyCalls(delivery)))
	})
	It("makes every KEK, TOK and C sensitive and without a check value", conformance.Claims("ST-6.2.1-a"), func(ctx SpecContext) {
		mark := w.tracer().Mark()
		u := w.equipped(ctx, conformance.EnrolRequest{})
		Expect(u.accepted(ctx, u.otp())).To(BeTrue(), "the OTP of an equipped user is refused")
		n, silent := 0, 0
		for _, call := range w.tracer().Calls(mark) {
			if len(call.Made) == 0 || len(call.Template) == 0 {
				continue
			}
			n++
			if !expectSensitive(call) {
				silent++
			}
		}
		conformance.Observe("%d keys were made for an enrolment, a provisioning and a validation: each sensitive, %d with an empty CKA_CHECK_VALUE in its template, %d unwrapped without it", n, n-silent, silent)
		for _, which := range tokens {
			w.expectResidents(ctx, which, silent > 0)
		}
	})
}

func (w *world) tracer() conformance.HSMTracer { return w.Target.(conformance.HSMTracer) }

// traced gives the EPS's calls while f runs.
func (w *world) traced(f func()) []conformance.HSMCall {
	mark := w.tracer().Mark()
	f()
	return slices.DeleteFunc(w.tracer().Calls(mark), func(c conformance.HSMCall) bool { return c.Slot != "eps" })
}

// keyCalls counts the calls that take or give a key, by kind.
func keyCalls(calls []conformance.HSMCall) map[string]int {
	counts := map[string]int{}
	for _, c := range calls {
		kind := strings.TrimSpace(c.Function + " " + c.Mechanism)
		if !harmless[c.Function] && !macs[kind] {
			counts[kind]++
		}
	}
	return counts
}

// bringing counts keys that come in in clear with those that come in wrapped: an HSM may
// take only these.
func bringing(counts map[string]int) map[string]int {
	out := maps.Clone(counts)
	if n := out[createsKey]; n > 0 {
		out[unwrapsKey] += n
		delete(out, createsKey)
	}
	return out
}

// harmless calls neither make a key, nor give a value of one, nor use one on data.
var harmless = map[string]bool{
	"C_DestroyObject": true, "C_GenerateRandom": true, "C_GetSessionInfo": true, "C_Sign": true, "C_Verify": true,
	"C_GetAttributeValue": true, // of a sensitive key: expectSensitive
}

// macs are computed over the code's index, the audit, both halves of a plug-in exchange
// and of an MPP one.
var macs = map[string]bool{"C_SignInit CKM_SHA256_HMAC": true, "C_VerifyInit CKM_SHA256_HMAC": true}

func tell(counts map[string]int) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d × %s", counts[kind], kind))
	}
	return strings.Join(parts, ", ")
}

// expectSensitive judges the template of a new key, and tells whether it empties the
// check value. Tokens that give an unwrapped key none need not be told.
func expectSensitive(c conformance.HSMCall) bool {
	GinkgoHelper()
	what := c.Function + " " + c.Mechanism + " on the token of " + c.Slot
	sensitive, found := find(c.Template, "CKA_SENSITIVE")
	Expect(found && sensitive.Value == "true").To(BeTrue(), "%s: a key that is not sensitive", what)
	check, found := find(c.Template, "CKA_CHECK_VALUE")
	empties := found && check.Len == 0
	Expect(empties || c.Function == "C_UnwrapKey").To(BeTrue(), "%s: a key whose template does not empty CKA_CHECK_VALUE", what)
	return empties
}

func find(template []conformance.HSMAttribute, name string) (conformance.HSMAttribute, bool) {
	i := slices.IndexFunc(template, func(a conformance.HSMAttribute) bool { return a.Name == name })
	if i < 0 {
		return conformance.HSMAttribute{}, false
	}
	return template[i], true
}
