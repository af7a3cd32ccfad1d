package target

import (
	"strings"
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/token"
)

// Two tokens may have one label: the one that was named is judged, by its serial number.
func TestTheTokenThatWasNamedIsJudged(t *testing.T) {
	m, err := token.New(token.Config{Fixed: []token.Slot{
		{ID: 3, Label: "twin", SOPIN: soPIN, UserPIN: userPIN}, {ID: 8, Label: "twin", SOPIN: soPIN, UserPIN: userPIN}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	info, err := m.GetTokenInfo(8)
	if err != nil {
		t.Fatal(err)
	}
	for _, last := range []uint{8, 3, 5} { // 3 is another's now, and 5 nobody's
		a := &alone{serial: info.SerialNumber, slot: conformance.Slot{Module: m, ID: last}}
		if slot, err := a.Slot(t.Context()); err != nil || slot.ID != 8 {
			t.Errorf("last seen in slot %d: slot %d, %v", last, slot.ID, err)
		}
	}
}

// Who names a token that is not there is told which are.
func TestATokenThatIsNotThere(t *testing.T) {
	m, err := token.New(token.Config{Fixed: []token.Slot{{ID: 3, Label: "alice", SOPIN: soPIN, UserPIN: userPIN}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	for says, o := range map[string]run.Options{"slot 99": {Slot: new(uint(99))}, `labelled "bob"`: {Token: "bob"}} {
		if _, err := chosen(m, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	for _, o := range []run.Options{{Slot: new(uint(3))}, {Token: "alice"}} {
		if id, err := chosen(m, o); id != 3 || err != nil {
			t.Errorf("slot %d, %v", id, err)
		}
	}
	if got := tokensOf(m); got != `the library has: "alice" in slot 3` {
		t.Error(got)
	}
}
