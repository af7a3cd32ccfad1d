package authserver_test

import (
	"crypto"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

func (n *node) resynchronises(t testing.TB, p phone, otps ...string) bool {
	t.Helper()
	return must(n.client("bank").Resynchronise(t.Context(), service, p.user, otps...))(t)
}

// in gives OTPs in a row.
func (p phone) in(from uint64, count int) (otps []string) {
	for i := range uint64(count) {
		otps = append(otps, p.otp(from+i))
	}
	return otps
}

func TestResynchronisation(t *testing.T) {
	n := theWorld(t).node(t)
	for _, c := range []struct {
		what     string
		used     uint64 // OTP that was accepted before
		otps     func(phone) []string
		accepted bool
		expected uint64 // counter afterwards
	}{
		{"beyond the look-ahead", 0, func(p phone) []string { return p.in(40, 2) }, true, 42},
		{"at the expected counter", 0, func(p phone) []string { return p.in(1, 2) }, true, 3},
		{"three of them", 0, func(p phone) []string { return p.in(30, 3) }, true, 33},
		{"the last that may begin", 0, func(p phone) []string { return p.in(51, 3) }, true, 54},
		{"one further", 0, func(p phone) []string { return p.in(52, 3) }, false, 1},
		{"used ones", 5, func(p phone) []string { return p.in(4, 2) }, false, 6},
		{"half used", 5, func(p phone) []string { return p.in(5, 2) }, false, 6},
		{"a gap", 0, func(p phone) []string { return []string{p.otp(20), p.otp(22)} }, false, 1},
		{"backwards", 0, func(p phone) []string { return []string{p.otp(21), p.otp(20)} }, false, 1},
		{"the same twice", 0, func(p phone) []string { return []string{p.otp(20), p.otp(20)} }, false, 1},
		{"two of three", 0, func(p phone) []string { return append(p.in(20, 2), p.wrong()) }, false, 1},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := n.enrol(t, "HOTP-SHA256-6")
			if !n.accepts(t, p, p.otp(c.used)) {
				t.Fatal("refused before")
			}
			if got := n.resynchronises(t, p, c.otps(p)...); got != c.accepted {
				t.Errorf("accepted %v", got)
			}
			row := n.row(t, p.token)
			if row.Counter != c.expected {
				t.Errorf("counter %d, want %d", row.Counter, c.expected)
			}
			if c.accepted != (row.Candidates == 0) || !c.accepted && row.Candidates != 51 {
				t.Errorf("%d candidates counted", row.Candidates)
			}
			if !n.accepts(t, p, p.otp(row.Counter)) {
				t.Error("the next OTP is refused")
			}
		})
	}
}

// TestResynchronisationSharesTheLock: failures of either call lock both.
func TestResynchronisationSharesTheLock(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	n.resynchronises(t, p, p.wrong(), p.wrong())
	n.accepts(t, p, p.wrong())
	n.resynchronises(t, p, p.wrong(), p.wrong())
	if row := n.row(t, p.token); row.State != "locked" || row.Failures != 3 || row.Candidates != 51+11+51 {
		t.Errorf("%+v", row)
	}
	if n.resynchronises(t, p, p.in(0, 2)...) || n.accepts(t, p, p.otp(0)) {
		t.Error("a locked token is used")
	}
}

// TestResynchronisationEndsBeforeTheLimit: it needs room for all that it tests.
func TestResynchronisationEndsBeforeTheLimit(t *testing.T) {
	n := theWorld(t).node(t, func(c *authserver.Config, _ *authserver.Parts) { c.Rules.Candidates = 60 })
	p := n.enrol(t, "HOTP-SHA256-6")
	n.accepts(t, p, p.wrong())
	if n.resynchronises(t, p, p.in(20, 2)...) {
		t.Error("51 candidates are tested where 49 are left")
	}
	if row := n.row(t, p.token); row.Candidates != 11 || !n.accepts(t, p, p.otp(0)) {
		t.Errorf("%+v", row)
	}
}

func TestNoResynchronisation(t *testing.T) {
	n := theWorld(t).node(t, func(c *authserver.Config, _ *authserver.Parts) { c.Rules.Resynchronise = -1 })
	p := n.enrol(t, "HOTP-SHA256-6")
	if n.resynchronises(t, p, p.in(0, 2)...) {
		t.Error("it is switched off")
	}
	totp := theWorld(t).node(t)
	q := totp.enrol(t, "TOTP-SHA256-6-30")
	step := uint64(start.Unix() / 30)
	if totp.resynchronises(t, q, q.in(step, 2)...) || !totp.accepts(t, q, q.otp(step)) {
		t.Error("a TOTP token follows its clock by logins alone")
	}
}

// TestTheWindowFollowsThePhone: a clock that goes wrong slowly is followed (RFC 6238 §6),
// by a window that never is wider, and not further than the bound.
func TestTheWindowFollowsThePhone(t *testing.T) {
	n := theWorld(t).node(t)
	for _, direction := range []int64{1, -1} {
		p := n.enrol(t, "TOTP-SHA256-6-30")
		now := start
		for ahead := int64(1); ahead <= 12; ahead++ {
			now = now.Add(time.Hour)
			n.clock.set(now)
			step := now.Unix() / 30
			at := func(ahead int64) string { return p.otp(uint64(step + direction*ahead)) }
			if 1 < ahead && ahead < 12 && n.accepts(t, p, at(ahead-3)) {
				t.Errorf("%d steps: the window was widened behind", ahead)
			}
			if got, want := n.accepts(t, p, at(ahead)), ahead <= 11; got != want {
				t.Errorf("%d steps off: accepted %v", direction*ahead, got)
			}
		}
		if row := n.row(t, p.token); int64(row.Offset) != 10*direction {
			t.Errorf("remembered %d", row.Offset)
		}
	}
}

// TestRowsOfTheOlderFormat are believed once, and written in the newer.
func TestRowsOfTheOlderFormat(t *testing.T) {
	n := theWorld(t).node(t)
	for what, change := range map[string]func(*store.Credential){
		"as it was":    func(*store.Credential) {},
		"with offset":  func(c *store.Credential) { c.Offset = 1 },
		"inactive":     func(c *store.Credential) { c.Activated = false },
		"new as old":   func(c *store.Credential) { c.MAC = n.row(t, c.Token).MAC },
		"of no format": func(c *store.Credential) { c.Format = 3 },
	} {
		t.Run(what, func(t *testing.T) {
			p := n.enrol(t, "HOTP-SHA256-6")
			c := n.row(t, p.token)
			c.Version++
			c.Format, c.MAC = 1, n.oldMAC(t, c)
			change(&c)
			check(t, n.store.Update(t.Context(), func(tx store.AuthTx) error { return tx.UpdateCredential(c) }))
			if got := n.accepts(t, p, p.otp(0)); got != (what == "as it was") {
				t.Errorf("accepted %v", got)
			}
			if row := n.row(t, p.token); what == "as it was" && (row.Format != 2 || !n.accepts(t, p, p.otp(1))) {
				t.Errorf("%+v", row)
			}
		})
	}
}

// oldMAC is that of format 1.
func (n *node) oldMAC(t testing.TB, c store.Credential) (mac []byte) {
	t.Helper()
	encoder := must(cbor.CoreDetEncOptions().EncMode())(t)
	data := must(encoder.Marshal([]any{
		"epsbench credential 1", c.Token, c.Service, c.User, c.State, c.Suite, c.Blob, c.TOKLength, c.PINDigits,
		c.Counter, c.Failures, c.FailedEver, c.Candidates, c.Imported, c.Version, c.Created.UnixMilli(), c.Updated.UnixMilli(),
	}))(t)
	check(t, n.auth.Do(t.Context(), func(s *hsm.Session) (err error) {
		mac, err = s.MAC(must(n.authKeys.Row(t.Context()))(t), crypto.SHA256, data)
		return err
	}))
	return mac
}
