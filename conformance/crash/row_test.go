package crash

import (
	"reflect"
	"testing"

	"github.com/epsbench/epsbench/conformance"
)

func TestRowsComeBackFromTheirSheet(t *testing.T) {
	want := []Row{
		{Operation: "enrolment", Server: "eps", Point: "bank: before the answer leaves", Kills: 3, Acknowledged: 1, Nothing: 2, All: 1},
		{Operation: "wrong OTP", Server: "authserver", Point: "C_Sign has returned", Kills: 2, Violations: 2},
	}
	s := conformance.Sheet{Head: head}
	for _, r := range want {
		s.Rows = append(s.Rows, r.cells())
	}
	got, err := Rows(s)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	s.Rows = append(s.Rows, []string{"short"})
	if _, err := Rows(s); err == nil {
		t.Error("a row that is too short is read")
	}
}

// What the two sides say of a token has to fit together.
func TestAgreed(t *testing.T) {
	for _, c := range []struct {
		entry conformance.Entry
		fits  bool
	}{
		{conformance.Entry{EPS: "issued", AuthServer: "active"}, true},
		{conformance.Entry{EPS: "provisioned", AuthServer: "locked"}, true},
		{conformance.Entry{EPS: "cancelled", AuthServer: "cancelled"}, true},
		{conformance.Entry{EPS: "cancelled", AuthServer: "active"}, false},
		{conformance.Entry{EPS: "cancelled"}, false},
		{conformance.Entry{EPS: "issued"}, false},
		{conformance.Entry{EPS: "pending", AuthServer: "active"}, false},
		{conformance.Entry{AuthServer: "active"}, false},
		{conformance.Entry{EPS: "revoked", AuthServer: "revoked", Waiting: 1}, false},
	} {
		if err := agreed(c.entry); (err == nil) != c.fits {
			t.Errorf("%+v: %v", c.entry, err)
		}
	}
}
