package target

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/layer/needle"
)

// of numbers a value of 16 bytes.
func of(n int) needle.Needle {
	return needle.Of("C_DeriveKey", uint(n), binary.BigEndian.AppendUint64(make([]byte, 8), uint64(n)))
}

func mustTell(t *testing.T, s *sight) []conformance.HSMKey {
	t.Helper()
	keys, err := s.copies()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// has tells whether a slot's key of that name is among them, with a value.
func has(keys []conformance.HSMKey, slot, label string) bool {
	return slices.ContainsFunc(keys, func(k conformance.HSMKey) bool {
		return k.Slot == slot && k.Label == label && len(bytes.Trim(k.Value(), "\x00")) > 0
	})
}

func TestEachKeyIsKeptOnceForEachWayThatItCame(t *testing.T) {
	s := newSight()
	unwrapped, named := needle.Of("C_UnwrapKey", 1, slices.Clone(of(1).Value())), of(1)
	named.Label = "K"
	for _, n := range []needle.Needle{of(1), of(2), of(1), unwrapped, named} {
		s.add("eps", n)
	}
	s.add("authserver", of(1))
	if keys := mustTell(t, s); len(keys) != 5 {
		t.Errorf("got %v", keys)
	}
}

func TestMoreKeysThanAreKeptAreNotPassedOver(t *testing.T) {
	s := newSight()
	for n := range mostKeys {
		s.add("eps", of(n))
	}
	again := of(0)
	s.add("eps", again)
	if keys := mustTell(t, s); len(keys) != mostKeys {
		t.Fatalf("%d keys", len(keys))
	}
	tooMany := of(mostKeys)
	if s.add("eps", tooMany); !bytes.Equal(tooMany.Value(), make([]byte, 16)) {
		t.Error("a value that is not kept is not cleared")
	}
	if keys, err := s.copies(); err == nil {
		t.Errorf("%d keys are told, and one is not", len(keys))
	}
}

func TestWhatIsToldIsACopyAndTheRestIsCleared(t *testing.T) {
	s := newSight()
	n := of(7)
	s.add("eps", n)
	mustTell(t, s)[0].Clear()
	if got := mustTell(t, s)[0].Value(); !bytes.Equal(got, of(7).Value()) {
		t.Errorf("a caller has changed what is kept")
	}
	s.clear()
	if len(mustTell(t, s)) != 0 || !bytes.Equal(n.Value(), make([]byte, 16)) {
		t.Error("a value is there after clear")
	}
}

func TestAKeyDoesNotShowItsValue(t *testing.T) {
	k := conformance.NewHSMKey("eps", "C_DeriveKey", "", []byte("canary-key-0b1c9"))
	shown := fmt.Sprintf("%v %+v %#v %s %x %q", k, k, k, k, k, []conformance.HSMKey{k})
	if bytes.Contains([]byte(shown), []byte("canary")) || bytes.Contains([]byte(shown), fmt.Appendf(nil, "%x", k.Value())) {
		t.Errorf("the value is in %s", shown)
	}
}

// The keys of both servers are told from their initialisation on, also those of a second node
// and after a restart, until the target is closed. Only the emulator tells them.
func TestTheReferenceTellsItsKeysOnTheEmulator(t *testing.T) {
	s := openReference(t, engines["emulator"])
	if !s.Capabilities()[conformance.CanTellKeys] {
		t.Fatal("no capability")
	}
	for slot, label := range map[string]string{"eps": "MK-DBK", "authserver": "ASK"} {
		if !has(mustTell(t, s.sight), slot, label) {
			t.Errorf("%s of %s is not told", label, slot)
		}
	}
	node, err := s.Node(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := len(mustTell(t, s.sight))
	provision(t, node.(*system), "alice")
	between := len(mustTell(t, s.sight))
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	provision(t, s, "bob")
	if after := len(mustTell(t, s.sight)); before >= between || between >= after {
		t.Errorf("%d keys, %d with those of a node, %d with those after a restart", before, between, after)
	}
	s.divided = &divided{system: s}
	if keys, err := s.Keys(); err == nil || s.Capabilities()[conformance.CanTellKeys] {
		t.Errorf("a divided target tells %d keys, of which it sees no more", len(keys))
	}
	s.divided = nil
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if left := mustTell(t, s.sight); len(left) != 0 {
		t.Errorf("%d keys are left", len(left))
	}
}
