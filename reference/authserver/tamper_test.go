package authserver_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/store"
)

// TestTamperedRows: any field changed by somebody who has the database only makes the
// token useless, is noticed, and is not written over.
func TestTamperedRows(t *testing.T) {
	n := theWorld(t).node(t)
	other := n.enrol(t, "HOTP-SHA256-6")
	for name, change := range map[string]func(*store.Credential){
		"counter back":        func(c *store.Credential) { c.Counter = 0 },
		"failures forgotten":  func(c *store.Credential) { c.FailedEver, c.Candidates = 0, 0 },
		"blob of another":     func(c *store.Credential) { c.Blob = n.row(t, other.token).Blob },
		"MAC of another":      func(c *store.Credential) { c.MAC = n.row(t, other.token).MAC },
		"one bit of the blob": func(c *store.Credential) { c.Blob[3] ^= 1 },
		"weaker suite":        func(c *store.Credential) { c.Suite = "HOTP-SHA1-6" },
		"no suite":            func(c *store.Credential) { c.Suite = "" },
		"more PIN digits":     func(c *store.Credential) { c.PINDigits = 12 },
		"imported":            func(c *store.Credential) { c.Imported = true },
		"created later":       func(c *store.Credential) { c.Created = c.Created.Add(time.Second) },
		"no blob":             func(c *store.Credential) { c.Blob = nil },
		"no MAC":              func(c *store.Credential) { c.MAC = nil },
	} {
		t.Run(name, func(t *testing.T) {
			p := n.enrol(t, "HOTP-SHA256-6")
			n.accepts(t, p, p.wrong())
			if !n.accepts(t, p, p.otp(0)) {
				t.Fatal("refused before")
			}
			c := n.row(t, p.token)
			change(&c)
			c.Version++
			check(t, n.store.Update(t.Context(), func(tx store.AuthTx) error { return tx.UpdateCredential(c) }))
			for i := range uint64(3) {
				if n.accepts(t, p, p.otp(i)) || n.accepts(t, p, other.otp(i)) {
					t.Errorf("OTP %d is accepted", i)
				}
			}
			if after := n.row(t, p.token); after.Version != c.Version {
				t.Error("the evidence was written over")
			}
			if text := n.log.String(); !strings.Contains(text, "event=tampered token="+string(p.token)) {
				t.Error("nothing in the log")
			}
		})
	}
}

// TestRowPutBackBehindAnother: a genuine old row is old also after a changed one has come in
// between.
func TestRowPutBackBehindAnother(t *testing.T) {
	dir := t.TempDir()
	n := newWorld(t, dir, nil).node(t)
	db := must(sql.Open("sqlite", filepath.Join(dir, "auth.db")))(t)
	defer db.Close()
	do := func(statement string) { must(db.Exec(statement))(t) }
	p := n.enrol(t, "HOTP-SHA256-6")
	n.accepts(t, p, p.otp(0))
	do("CREATE TABLE earlier AS SELECT * FROM credentials")
	if !n.accepts(t, p, p.otp(1)) {
		t.Fatal("refused before")
	}
	changed := n.row(t, p.token)
	changed.Version++
	changed.Blob[0] ^= 1
	check(t, n.store.Update(t.Context(), func(tx store.AuthTx) error { return tx.UpdateCredential(changed) }))
	n.accepts(t, p, p.otp(1))
	do("DELETE FROM credentials")
	var columns string // without the generated ones
	check(t, db.QueryRow("SELECT group_concat(name) FROM pragma_table_info('credentials')").Scan(&columns))
	do("INSERT INTO credentials (" + columns + ") SELECT " + columns + " FROM earlier")
	if n.accepts(t, p, p.otp(1)) {
		t.Error("a used OTP is accepted again")
	}
}

// TestTransplantedRow: A's whole row under B's name.
func TestTransplantedRow(t *testing.T) {
	n := theWorld(t).node(t)
	a, b := n.enrol(t, "HOTP-SHA256-6"), n.enrol(t, "HOTP-SHA256-6")
	row := n.row(t, a.token)
	victim := n.row(t, b.token)
	row.Token, row.User, row.Version = victim.Token, victim.User, victim.Version+1
	check(t, n.store.Update(t.Context(), func(tx store.AuthTx) error { return tx.UpdateCredential(row) }))
	if n.accepts(t, b, a.otp(0)) || n.accepts(t, b, b.otp(0)) {
		t.Error("A's phone is accepted as B")
	}
}

// TestLostHSM: sessions closed under the server's feet cost nothing but time.
func TestLostHSM(t *testing.T) {
	w := newWorld(t, t.TempDir(), nil)
	n := w.node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	if !n.accepts(t, p, p.otp(0)) {
		t.Fatal("refused before")
	}
	m := hsmtest.Module(t)
	check(t, m.CloseAllSessions(slotOf(t, m, w.auth.Info().Label)))
	if !n.accepts(t, p, p.otp(1)) || n.accepts(t, p, p.otp(1)) {
		t.Error("after the loss of all sessions the OTP is not accepted once")
	}
	if c := n.row(t, p.token); c.Counter != 2 || c.Failures != 1 {
		t.Errorf("%+v", c)
	}
}

func slotOf(t *testing.T, m *pkcs11.Ctx, label string) uint {
	t.Helper()
	for _, slot := range must(m.GetSlotList(true))(t) {
		if info := must(m.GetTokenInfo(slot))(t); strings.TrimRight(info.Label, " \x00") == label {
			return slot
		}
	}
	t.Fatal("no slot of label " + label)
	return 0
}
