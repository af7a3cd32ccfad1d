package people_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

// bank is an EPS that notes what it is asked for, and may refuse.
type bank struct {
	people.EPS
	asked   conformance.EnrolRequest
	told    conformance.Enrolled
	refusal error
}

func (b *bank) Declared() conformance.Declared {
	return conformance.Declared{Services: []string{"web.bank", "shop"}}
}

func (b *bank) Enrol(_ context.Context, r conformance.EnrolRequest) (conformance.Enrolled, error) {
	b.asked = r
	return b.told, b.refusal
}

func TestEnrol(t *testing.T) {
	b := &bank{told: conformance.Enrolled{Token: "one", PIN: "483920", RegistrationCode: "K7Q2M9XA-48392017364"}}
	u := people.New(b, "test")
	name := u.Name
	if err := u.Enrol(t.Context(), conformance.EnrolRequest{PINDigits: 6}); err != nil {
		t.Fatal(err)
	}
	if want := (conformance.EnrolRequest{Service: "web.bank", User: name, PINDigits: 6}); b.asked != want {
		t.Errorf("the bank asked for %+v, want %+v", b.asked, want)
	}
	if u.Token != "one" || u.PIN != "483920" || u.Locator() != "K7Q2M9XA" || u.Digits() != "48392017364" {
		t.Errorf("the user was told %+v, locator %q, digits %q", u.Enrolled, u.Locator(), u.Digits())
	}
	b.told, b.refusal = conformance.Enrolled{}, errors.New("no")
	if err := u.Enrol(t.Context(), conformance.EnrolRequest{Service: "shop"}); !errors.Is(err, b.refusal) {
		t.Errorf("a refused enrolment: %v", err)
	}
	if u.Token != "one" || u.Service != "shop" || u.Name != name {
		t.Errorf("after a refusal the user has token %q at %s, as %s", u.Token, u.Service, u.Name)
	}
}

func TestDigitsWithoutLocator(t *testing.T) {
	u := people.User{Enrolled: conformance.Enrolled{RegistrationCode: "48392017364"}}
	if u.Locator() != "" || u.Digits() != "48392017364" {
		t.Errorf("locator %q, digits %q", u.Locator(), u.Digits())
	}
}

func TestMoving(t *testing.T) {
	u := people.New(&bank{}, "test")
	if err := u.Has(oracle.Grant{Suite: "HOTP-SHA256-6", Counter: 7}); err != nil || u.Moving() != 7 {
		t.Errorf("HOTP: %d, %v", u.Moving(), err)
	}
	if err := u.Has(oracle.Grant{Suite: "TOTP-SHA256-6-30"}); err != nil {
		t.Fatal(err)
	}
	from, moving, to := time.Now().Unix()/30, u.Moving(), time.Now().Unix()/30
	if moving < uint64(from) || moving > uint64(to) {
		t.Errorf("TOTP: %d, the machine's clock says %d to %d", moving, from, to)
	}
	if err := u.Has(oracle.Grant{Suite: "OCRA-1:HOTP-SHA256-8:QH64-T30S"}); err == nil {
		t.Error("a phone makes OTPs of a suite for challenges")
	}
}
