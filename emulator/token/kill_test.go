package token_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/token"
)

// victimVariable holds the job of a process that is to be killed, as JSON.
const victimVariable = "EPSBENCH_TOKEN_VICTIM"

// job is what a victim does: the steps of a history from a number on, or so many
// guesses at the PIN, or a deed until it has made so many changes.
type job struct {
	Dir     string
	Seed    uint64
	From    int
	Guesses int
	Deed    string
	Changes int
}

// history is a sequence of changes that its seed determines: the one who kills
// knows what the killed one was at.
type history struct {
	seed uint64
	key  map[string]string // CKA_ID of keys and certificates by label
	PIN  string
	done int
}

const steps = 4000 // of a history: more than a test gets to

func newHistory(seed uint64) *history {
	return &history{seed: seed, key: map[string]string{}, PIN: userPIN}
}

// step is the next change.
type step struct {
	do         string // create, change, destroy, PIN
	label, new string
}

func (h *history) next() step {
	r := rand.New(rand.NewPCG(h.seed, uint64(h.done)))
	labels := make([]string, 0, len(h.key))
	for l := range h.key {
		labels = append(labels, l)
	}
	// Maps have no order; the history has one.
	label := ""
	for _, l := range labels {
		if label == "" || hash(l, h.done) < hash(label, h.done) {
			label = l
		}
	}
	switch n := r.IntN(10); {
	case n < 4 || label == "":
		return step{"create", fmt.Sprint("object ", h.done), ""}
	case n < 7:
		return step{"change", label, fmt.Sprint("id ", h.done)}
	case n < 9:
		return step{"destroy", label, ""}
	}
	return step{"PIN", "", strconv.Itoa(100_000 + r.IntN(900_000))}
}

func hash(label string, salt int) string {
	sum := sha256.Sum256(fmt.Append(nil, label, salt))
	return string(sum[:])
}

// note makes the next change in the history alone.
func (h *history) note() {
	switch s := h.next(); s.do {
	case "create":
		h.key[s.label] = ""
	case "change":
		h.key[s.label] = s.new
	case "destroy":
		delete(h.key, s.label)
	case "PIN":
		h.PIN = s.new
	}
	h.done++
}

// carryOut makes the next change on a token.
func (h *history) carryOut(g *ground) error {
	s := h.next()
	switch s.do {
	case "create":
		if h.done%3 == 0 {
			return second(g.CreateObject(g.s, certificate(s.label)))
		}
		return second(g.CreateObject(g.s, secretKey(pkcs11.CKK_AES, valueOf(s.label),
			append(on(pkcs11.CKA_TOKEN, pkcs11.CKA_EXTRACTABLE), attr(pkcs11.CKA_LABEL, s.label)))))
	case "change":
		return g.SetAttributeValue(g.s, g.named(s.label), []*pkcs11.Attribute{attr(pkcs11.CKA_ID, s.new)})
	case "destroy":
		return g.DestroyObject(g.s, g.named(s.label))
	}
	return g.SetPIN(g.s, h.PIN, s.new)
}

// certificate is a template of the certificate of that label.
func certificate(label string) []*pkcs11.Attribute {
	return append(on(pkcs11.CKA_TOKEN), attr(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE), attr(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509),
		attr(pkcs11.CKA_LABEL, label), attr(pkcs11.CKA_SUBJECT, "subject"), attr(pkcs11.CKA_VALUE, valueOf(label)))
}

// valueOf is the value of the key or certificate of that label.
func valueOf(label string) []byte { return []byte(hash(label, 0)) }

func (g *ground) named(label string) pkcs11.ObjectHandle {
	found := g.find(attr(pkcs11.CKA_LABEL, label))
	if len(found) != 1 {
		return 0
	}
	return found[0]
}

// victim does its job until it is killed. It writes a byte to standard output
// for each call that has returned.
func victim(encoded string) int {
	var j job
	if err := json.Unmarshal([]byte(encoded), &j); err != nil {
		return 2
	}
	m, err := token.New(token.Config{Dir: j.Dir, PINCost: 4})
	if err != nil || m.Initialize() != nil {
		return 3
	}
	g := &ground{Module: m, t: &testing.T{}}
	if g.s, err = m.OpenSession(0, rw); err != nil {
		return 4
	}
	if j.Guesses > 0 {
		return guess(g, j.Guesses)
	}
	if j.Deed != "" {
		return die(m, g, j)
	}
	h := newHistory(j.Seed)
	for h.done < j.From {
		h.note()
	}
	if err := m.Login(g.s, pkcs11.CKU_USER, h.PIN); err != nil {
		return 5
	}
	for h.done < steps {
		if err := h.carryOut(g); err != nil {
			fmt.Fprintln(os.Stderr, "step", h.done, err)
			return 6
		}
		os.Stdout.Write([]byte{'.'})
		h.note()
	}
	return 7
}

func guess(g *ground, times int) int {
	for range times {
		if err := g.Login(g.s, pkcs11.CKU_USER, "000000"); says(err) != "CKR_PIN_INCORRECT" {
			return 8
		}
		os.Stdout.Write([]byte{'.'})
	}
	io.Copy(io.Discard, os.Stdin) // which never ends: the killer holds it
	return 9
}

// killAfter runs a job, kills the process when it has acknowledged some calls
// and looked at the directory some times more, and counts what it acknowledged.
func killAfter(t *testing.T, j job, calls, looks int) int {
	t.Helper()
	encoded, err := json.Marshal(j)
	check(t, err)
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), victimVariable+"="+string(encoded))
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.StdoutPipe()
	check(t, err)
	hold, err := c.StdinPipe()
	check(t, err)
	defer hold.Close()
	check(t, c.Start())
	acknowledged := bufio.NewReader(out)
	_, err = io.CopyN(io.Discard, acknowledged, int64(calls))
	if err != nil {
		c.Wait()
		t.Fatalf("the victim ended by itself: %v, %s", c.ProcessState, complaint.String())
	}
	for range looks { // spends time that depends on nothing but the machine
		os.ReadDir(filepath.Join(j.Dir, "slot0"))
	}
	check(t, c.Process.Kill())
	rest, err := io.Copy(io.Discard, acknowledged)
	check(t, err)
	c.Wait()
	if c.ProcessState.ExitCode() != -1 {
		t.Fatalf("the victim ended by itself: %v, %s", c.ProcessState, complaint.String())
	}
	return calls + int(rest)
}

// A process is killed again and again while it writes to the same token. What
// it had acknowledged is there; of the call that it was in, all or nothing is.
func TestDirectorySurvivesSIGKILL(t *testing.T) {
	dir, r := t.TempDir(), rand.New(rand.NewPCG(1, 2))
	directoryToken(t, dir).Destroy()
	h := newHistory(r.Uint64())
	during := 0
	for round := range 40 {
		acknowledged := killAfter(t, job{Dir: dir, Seed: h.seed, From: h.done}, r.IntN(8), r.IntN(60))
		for range acknowledged {
			h.note()
		}
		got, PIN := survived(t, dir, h)
		if got == nil || !maps.Equal(got, h.key) || PIN != h.PIN {
			h.note()
			during++
		}
		if !maps.Equal(got, h.key) || PIN != h.PIN {
			t.Fatalf("round %d, step %d: the token has %v, the history %v", round, h.done, got, h.key)
		}
	}
	t.Logf("%d steps; %d of 40 kills after a change was made and before it was acknowledged", h.done, during)
}

// survived opens the directory as the next process would, and gives each key's
// CKA_ID by its label, and the PIN that opened it: the history's, or its next.
func survived(t *testing.T, dir string, h *history) (keys map[string]string, PIN string) {
	t.Helper()
	m, err := token.New(token.Config{Dir: dir, PINCost: 4})
	check(t, err)
	defer m.Destroy()
	check(t, m.Initialize())
	g := &ground{Module: m, t: t}
	g.s = g.session()
	PIN = h.PIN
	if err = m.Login(g.s, pkcs11.CKU_USER, PIN); says(err) == "CKR_PIN_INCORRECT" && h.next().do == "PIN" {
		PIN = h.next().new
		err = m.Login(g.s, pkcs11.CKU_USER, PIN)
	}
	check(t, err)
	keys = map[string]string{}
	for _, k := range g.find() {
		a, err := m.GetAttributeValue(g.s, k, []*pkcs11.Attribute{{Type: pkcs11.CKA_LABEL}, {Type: pkcs11.CKA_ID}, {Type: pkcs11.CKA_VALUE}})
		check(t, err)
		label := string(a[0].Value)
		if !bytes.Equal(a[2].Value, valueOf(label)) {
			t.Errorf("%s has another's value", label)
		}
		keys[label] = string(a[1].Value)
	}
	return keys, PIN
}

// Killing the process gives no try back.
func TestPINCounterSurvivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	directoryToken(t, dir).Destroy()
	guessed, kills := 0, 3
	for k := range kills {
		guessed += killAfter(t, job{Dir: dir, Guesses: 3}, 1+k%2, 0)
	}
	m := open(t, dir)
	check(t, m.Initialize())
	g := &ground{Module: m, t: t}
	g.s = g.session()
	if flags := g.pinFlags(userFlags); flags == g.pinFlags(pkcs11.CKF_USER_PIN_INITIALIZED) {
		t.Errorf("after %d wrong PINs the flags are %s", guessed, flags)
	}
	left := 0
	for says(g.Login(g.s, pkcs11.CKU_USER, "000000")) == "CKR_PIN_INCORRECT" {
		left++
	}
	if left > 10-guessed || left < 10-guessed-kills {
		t.Errorf("%d wrong PINs, then %d more before the lock", guessed, left)
	}
	wants(t, "the right PIN", g.Login(g.s, pkcs11.CKU_USER, userPIN), pkcs11.CKR_PIN_LOCKED)
}
