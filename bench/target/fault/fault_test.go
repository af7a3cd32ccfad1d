package fault

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/mutants"
	"github.com/epsbench/epsbench/reference/store"
)

// counted is a plan whose kills are counted.
func counted(armed string) (*Plan, *int) {
	n := 0
	p := &Plan{Kill: func() { n++ }}
	p.Arm(armed)
	return p, &n
}

func TestAPointKillsOnceAndOnlyWhereItIsArmed(t *testing.T) {
	p, kills := counted("here")
	for _, name := range []string{"there", "here", "here"} {
		p.reach(name)
	}
	if *kills != 1 {
		t.Errorf("killed %d times", *kills)
	}
	p.Arm("here")
	p.Arm("")
	if p.reach("here"); *kills != 1 {
		t.Error("a point that was disarmed kills")
	}
}

// What a listener answers is the same with the points as without, and it has left at the
// last of them only.
func TestAnswersPassUnchanged(t *testing.T) {
	p := &Plan{}
	h := p.answers("bank", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Kept", "yes")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short")
	}))
	rec := httptest.NewRecorder()
	left := func() int { return rec.Body.Len() }
	at := map[string]int{}
	for _, where := range []string{beforeAnswer, afterAnswer} {
		rec = httptest.NewRecorder()
		p.Kill = func() { at[where] = left() }
		p.Arm("bank" + where)
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/", nil))
		if rec.Code != http.StatusTeapot || rec.Body.String() != "short" || rec.Header().Get("X-Kept") != "yes" || rec.Header().Get("Content-Length") != "5" {
			t.Errorf("the answer has become %d %q %v", rec.Code, rec.Body, rec.Header())
		}
	}
	if at[beforeAnswer] != 0 || at[afterAnswer] != len("short") {
		t.Errorf("bytes that had left at the points: %v", at)
	}
}

// A point that is armed after a call has begun is for the next call.
func TestAnswersWaitForTheirOwnCall(t *testing.T) {
	p, kills := counted("")
	h := p.answers("bank", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { p.Arm("bank" + afterAnswer) }))
	call := func() { h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) }
	if call(); *kills != 0 {
		t.Error("a call that had begun was killed")
	}
	if call(); *kills != 1 {
		t.Errorf("the next call was killed %d times", *kills)
	}
}

// changes is a store that runs a change and fails the commit if it is told to.
type changes struct {
	store.EPS
	commit error
}

func (s changes) Update(_ context.Context, fn func(store.Tx) error) error {
	if err := fn(records{}); err != nil {
		return err
	}
	return s.commit
}

type records struct{ store.Tx }

func (records) Audit(store.AuditRecord) error { return nil }
func (records) DeleteOutbox(string) error     { return nil }

func TestChangesAreNamedByTheirRecords(t *testing.T) {
	enrolled := func(tx store.Tx) error {
		return errors.Join(tx.DeleteOutbox("x"), tx.Audit(store.AuditRecord{Event: "enrolled"}))
	}
	message := func(tx store.Tx) error { return tx.DeleteOutbox("x") }
	for _, c := range []struct {
		name   string
		armed  string
		change func(store.Tx) error
		commit error
		want   int
	}{
		{"after a commit", "enrolled" + afterCommit, enrolled, nil, 1},
		{"after a commit that fails", "enrolled" + afterCommit, enrolled, errors.New("disk full"), 0},
		{"another change", "provisioned" + afterCommit, enrolled, nil, 0},
		{"an answered message", answered + beforeCommit, message, nil, 1},
		{"a message within another change", answered + beforeCommit, enrolled, nil, 0},
	} {
		p, kills := counted(c.armed)
		var s mutants.Seams
		p.Into("eps", &s)
		_ = s.Store(changes{commit: c.commit}).Update(t.Context(), c.change)
		if *kills != c.want {
			t.Errorf("%s: killed %d times, want %d", c.name, *kills, c.want)
		}
	}
}

// No point is listed twice for an operation, and those that need a first kill have one that
// is a point of an enrolment.
func TestPointsAreDistinct(t *testing.T) {
	seen, firsts := map[conformance.FaultPoint]bool{}, 0
	for _, p := range Points() {
		if seen[p] {
			t.Errorf("%s, %s: twice", p.Operation, p)
		}
		seen[p] = true
		if p.First != "" {
			firsts++
		}
		first := conformance.FaultPoint{Operation: conformance.DuringEnrolment, Server: eps, Name: p.First}
		if needs := p.Operation == conformance.DuringCancellation; needs != slices.Contains(Points(), first) {
			t.Errorf("%s, %s: its first kill is at %q", p.Operation, p, p.First)
		}
	}
	if Kills() != len(Points())+firsts {
		t.Errorf("%d kills for %d points, %d of them with a first kill", Kills(), len(Points()), firsts)
	}
}
