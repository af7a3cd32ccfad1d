package hsm

import (
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// kept tells whether a rule is taken for kept after one probe.
func (r rule) kept(t *testing.T, slot conformance.Slot, spec string) bool {
	t.Helper()
	got, err := Probe(slot, spec)
	if err != nil {
		return false
	}
	good, err := r.good.Match(got)
	if err != nil {
		t.Fatal(err)
	}
	return good && !unusable(got) && !slices.Contains(troubles, got)
}

func slotOf(t *testing.T, fn func(*cryptoki.Call) error) conformance.Slot {
	t.Helper()
	behind, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "12345678"})
	if err != nil {
		t.Fatal(err)
	}
	m := cryptoki.Around(behind, fn)
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	return conformance.Slot{Module: m, PIN: "12345678", SOPIN: "87654321"}
}

func TestTheTokenKeepsEachRule(t *testing.T) {
	slot := slotOf(t, (*cryptoki.Call).Next)
	for _, r := range rules {
		for _, spec := range r.probes {
			if !r.kept(t, slot, spec) {
				got, err := Probe(slot, spec)
				t.Errorf("%s: %s gives %q, %v", r.claim, spec, got, err)
			}
		}
	}
}

// A module that refuses what it should do keeps no rule by it: a refusal counts where the
// permitted thing next to it is done.
func TestAModuleThatOnlyRefusesKeepsNoRule(t *testing.T) {
	refused := []cryptoki.Function{cryptoki.UnwrapKey, cryptoki.WrapKey, cryptoki.CopyObject, cryptoki.SetAttributeValue,
		cryptoki.DecryptInit, cryptoki.GetAttributeValue, cryptoki.SignInit, cryptoki.DeriveKey}
	for _, code := range []uint{pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_FUNCTION_FAILED, pkcs11.CKR_TEMPLATE_INCONSISTENT} {
		slot := slotOf(t, func(c *cryptoki.Call) error {
			if slices.Contains(refused, c.Function) {
				return pkcs11.Error(code)
			}
			return c.Next()
		})
		for _, r := range rules {
			switch r.claim {
			case "HSM-random", "HSM-usages", "HSM-gcm-iv": // they ask for none of these
				continue
			}
			for _, spec := range r.probes {
				if r.kept(t, slot, spec) {
					t.Errorf("0x%X: %s is kept by %s", code, r.claim, spec)
				}
			}
		}
	}
}

// A module that gives nothing where it says CKR_OK is told from one that gives a value.
func TestAModuleThatGivesNothing(t *testing.T) {
	slot := slotOf(t, func(c *cryptoki.Call) error {
		err := c.Next()
		if c.Function == cryptoki.GetAttributeValue {
			c.Attributes = nil
		}
		if c.Function == cryptoki.WrapKey {
			c.Out = nil
		}
		return err
	})
	for _, r := range rules {
		for _, spec := range r.probes {
			Probe(slot, spec) // whatever it says, it comes back
		}
	}
	if got, _ := Probe(slot, "unwrap-tampered"); got != "C_WrapKey: CKR_OK, and nothing" {
		t.Errorf("a blob of no bytes: %q", got)
	}
}
