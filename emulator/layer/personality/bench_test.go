package personality_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
)

// idle is a module that does nothing, so that only what stands before it is measured.
type idle struct{ cryptoki.Module }

func (idle) Sign(pkcs11.SessionHandle, []byte) ([]byte, error) { return nil, nil }
func (idle) Digest(pkcs11.SessionHandle, []byte) ([]byte, error) {
	return nil, nil
}

// Neither a function that no rule is about nor rules that do not hold take memory.
func TestALayerAllocatesNothing(t *testing.T) {
	m := before(t, idle{}, "luna-7")
	message := []byte("message")
	for _, tt := range []struct {
		name string
		call func(pkcs11.SessionHandle, []byte) ([]byte, error)
	}{{"C_Digest, without a rule", m.Digest}, {"C_Sign, with rules of other mechanisms", m.Sign}} {
		if n := testing.AllocsPerRun(1000, func() { tt.call(1, message) }); n > 0 && !raceEnabled {
			t.Errorf("%s: %v allocations a call, want 0", tt.name, n)
		}
	}
}

func TestMostRulesOfAFunction(t *testing.T) {
	for n, fits := range map[int]bool{64: true, 65: false} {
		var rules strings.Builder
		for i := range n {
			fmt.Fprintf(&rules, "  - {id: r%d, text: t, source: s, confidence: measured, when: {function: [C_Sign]}, then: {return: CKR_DATA_INVALID}}\n", i)
		}
		p, err := personality.Load(file(t, head+"rules:\n"+rules.String()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := personality.New(idle{}, p, personality.Options{}); (err == nil) != fits {
			t.Errorf("%d rules: %v", n, err)
		}
	}
}

func BenchmarkWithoutARule(b *testing.B) {
	m := before(b, idle{}, "luna-7")
	for b.Loop() {
		m.Digest(1, nil)
	}
}

func BenchmarkRulesThatDoNotHold(b *testing.B) {
	m := before(b, idle{}, "luna-7")
	for b.Loop() {
		m.Sign(1, nil)
	}
}

func before(t testing.TB, m cryptoki.Module, name string) cryptoki.Extended {
	t.Helper()
	p, err := personality.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	e, err := personality.New(m, p, personality.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}
