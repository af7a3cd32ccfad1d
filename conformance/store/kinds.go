package store

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// kind is what a secret key may be, for however short a time. All are sensitive.
type kind struct {
	name        string
	keyType     uint
	extractable bool
	uses        []uint
}

// kinds are those of every form. What can leave a token, wrapped, has no use there; what has a use cannot leave.
var kinds = []kind{
	{"key to derive from", pkcs11.CKK_AES, false, []uint{pkcs11.CKA_DERIVE}},                 // KEK, DBK, S
	{"wrapping key", pkcs11.CKK_AES, false, []uint{pkcs11.CKA_WRAP}},                         // TRK at the EPS, K_c
	{"unwrapping key", pkcs11.CKK_AES, false, []uint{pkcs11.CKA_UNWRAP}},                     // TRK at the other side
	{"key for both ways", pkcs11.CKK_AES, false, []uint{pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP}}, // master keys, ASK, row keys
	{"key that is checked", pkcs11.CKK_AES, false, []uint{pkcs11.CKA_ENCRYPT}},               // for a check value
	{"AES key on its way", pkcs11.CKK_AES, true, nil},                                        // DBK and TRK, when they are new
	{"signing key", pkcs11.CKK_GENERIC_SECRET, false, []uint{pkcs11.CKA_SIGN}},               // TOK, K_t, MAC keys
	{"verifying key", pkcs11.CKK_GENERIC_SECRET, false, []uint{pkcs11.CKA_VERIFY}},           // PLK at the receiver
	{"secret on its way", pkcs11.CKK_GENERIC_SECRET, true, nil},                              // C, TOK, MAC keys
}

// makers are the calls that give one key by one template.
var makers = []string{"C_CreateObject", "C_DeriveKey", "C_GenerateKey", "C_UnwrapKey"}

// way is how a key comes to be there. An HSM may take no key in clear: then the same comes in
// by unwrapping.
var way = map[string]string{"C_CreateObject": "brought", "C_UnwrapKey": "brought", "C_DeriveKey": "derived", "C_GenerateKey": "generated"}

// templates: no key is more than it needs to be, at any time.
func templates(w *world) {
	It("makes every secret key for one purpose, and none that leaves for any", conformance.Claims("ST-6.2.1-a"), func(ctx SpecContext) {
		w.people(ctx)
		w.equipped(ctx, conformance.EnrolRequest{}) // what is loaded on first use is there now
		mark := w.tracer().Mark()
		u := w.equipped(ctx, conformance.EnrolRequest{})
		Expect(u.accepted(ctx, u.otp())).To(BeTrue(), "the OTP of an equipped user is refused")
		life := w.expectKinds(w.tracer().Calls(mark))
		Expect(life).To(Equal(w.form().life), "keys of an enrolment, a delivery and a validation: %s", tell(life))
		all := w.expectKinds(w.tracer().Calls(0))
		conformance.Observe("the templates of all %d secret keys that both servers have made since their keys were made: each is sensitive, and of one of %d kinds by type, CKA_EXTRACTABLE and uses; in the life of a token: %s", sum(all), len(w.form().allKinds()), tell(life))
	})
}

// expectKinds counts the secret keys that calls have made, by kind.
func (w *world) expectKinds(calls []conformance.HSMCall) map[string]int {
	GinkgoHelper()
	kinds, counts := w.form().allKinds(), map[string]int{}
	for _, c := range calls {
		class, told := find(c.Template, "CKA_CLASS")
		another := told && class.Value != fmt.Sprint(pkcs11.CKO_SECRET_KEY)
		if len(c.Made) == 0 || !slices.Contains(makers, c.Function) || another {
			continue
		}
		i := slices.IndexFunc(kinds, func(k kind) bool { return k.describe() == described(c.Template) })
		Expect(i).NotTo(Equal(-1), "%s on the token of %s: a key that is no kind of the table: %s", c.Function, c.Slot, described(c.Template))
		counts[c.Slot+" "+way[c.Function]+": "+kinds[i].name]++
	}
	return counts
}

// describe is a template of the kind, in words.
func (k kind) describe() string {
	text := fmt.Sprintf("CKA_KEY_TYPE=%d CKA_SENSITIVE=true CKA_EXTRACTABLE=%t", k.keyType, k.extractable)
	for _, use := range usages {
		text += fmt.Sprintf(" %s=%t", cryptoki.AttributeName(use), slices.Contains(k.uses, use))
	}
	return text
}

// described is a template in the same words. One that leaves an attribute out is of no kind:
// the token would choose.
func described(template []conformance.HSMAttribute) string {
	names := []string{"CKA_KEY_TYPE", "CKA_SENSITIVE", "CKA_EXTRACTABLE"}
	for _, use := range usages {
		names = append(names, cryptoki.AttributeName(use))
	}
	var words []string
	for _, name := range names {
		a, _ := find(template, name)
		words = append(words, name+"="+a.Value)
	}
	return strings.Join(words, " ")
}

func sum(counts map[string]int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}
