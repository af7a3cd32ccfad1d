package token_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// A scenario is done on this token and on SoftHSM. Both must answer alike, save
// where the row says how each answers, and why.
type scenario struct {
	name string
	do   func(g *ground) string
	meant
}

// meant is an intended difference.
type meant struct {
	here, there string // answers of this token and of SoftHSM
	why         string
}

// The reasons for the differences.
const (
	closed      = "usages are off unless asked for; SoftHSM's defaults are permissive, which PKCS #11 leaves open"
	strict      = "what cannot be is refused; SoftHSM takes or ignores it"
	named       = "PKCS #11 has a code of its own for this; SoftHSM gives another"
	null        = "miekg makes a null pointer of an empty template, which SoftHSM refuses"
	standard    = "PKCS #11 asks for this; SoftHSM does otherwise"
	roles       = "no key may have both usages, at once or in turn (Clulow 2003; Tookan 2010)"
	hiddenValue = "the answer would tell about a sensitive value"
	integrity   = "wrapping needs integrity, GCM a tag of 96 bits and an IV; SoftHSM takes anything"
	wider       = "this token takes more: short HMAC keys, OAEP with SHA-256 and labels, keys for one HMAC, combined operations"
	smaller     = "this token does not offer it"
	parallel    = "one operation of each kind runs in a session; SoftHSM has one in all"
	padded      = "RFC 3394 takes no such value, RFC 5649 its true length; SoftHSM pads it with zeros first"
	trailing    = "the length may be named, and is compared; SoftHSM wants it left out"
	ended       = "a logout ends the use of private keys"
	locks       = "ten wrong PINs lock this token; SoftHSM lets one try for ever"
	sealedCard  = "a directory seals what it stores, so somebody must be logged in"
)

func TestAsSoftHSM(t *testing.T) {
	here, there := memoryToken(t), softHSM(t)
	for _, table := range [][]scenario{templateScenarios, attributeScenarios, usageScenarios, wrapScenarios, sessionScenarios, mechanismScenarios} {
		for _, c := range table {
			t.Run(c.name, func(t *testing.T) { c.compare(t, here, there) })
		}
	}
}

func (c *scenario) compare(t *testing.T, here, there *ground) {
	h, s := c.do(here.anew(t)), c.do(there.anew(t))
	switch {
	case c.why == "" && h != s:
		t.Errorf("here %s, SoftHSM %s", h, s)
	case c.why != "" && h == s:
		t.Errorf("both %s: no difference any more", h)
	case c.why != "" && (brief(h) != c.here || brief(s) != c.there):
		t.Errorf("here %s, want %s; SoftHSM %s, want %s", brief(h), c.here, brief(s), c.there)
	}
}

// brief says of a long value how long it is.
func brief(answer string) string {
	if v, err := hex.DecodeString(answer); err == nil && len(v) > 8 {
		return fmt.Sprintf("%d bytes", len(v))
	}
	return strings.TrimSpace(answer)
}

// softHSM is a fresh token of SoftHSM, initialised as memoryToken is.
func softHSM(t testing.TB) *ground {
	t.Helper()
	m := hsmtest.Module(t)
	slots, err := m.GetSlotList(true)
	check(t, err)
	g := &ground{Module: m, t: t, slot: slots[len(slots)-1]} // the last is the empty one
	return g.anew(t)
}

// anew initialises the token again and logs the user in.
func (g *ground) anew(t testing.TB) *ground {
	t.Helper()
	fresh := &ground{Module: g.Module, t: t, slot: g.slot}
	check(t, g.CloseAllSessions(g.slot))
	check(t, g.InitToken(g.slot, soPIN, "test"))
	fresh.s = fresh.session()
	check(t, g.Login(fresh.s, pkcs11.CKU_SO, soPIN))
	check(t, g.InitPIN(fresh.s, userPIN))
	check(t, g.Logout(fresh.s))
	check(t, g.Login(fresh.s, pkcs11.CKU_USER, userPIN))
	return fresh
}

// says is the answer of a call that gives nothing to compare.
func says(err error) string { return cryptoki.ReturnName(err) }

// gives is the answer of a call whose result is compared too.
func gives(v []byte, err error) string {
	if err != nil {
		return says(err)
	}
	return fmt.Sprintf("%x", v)
}
