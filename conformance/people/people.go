// Package people plays those whom a target serves: a user whom the bank enrols, whose phone
// fetches the token, and who has a PIN to make OTPs with.
//
// Start at User. Nothing here asserts: a family says of each error what it means to it.
package people

import (
	"cmp"
	"context"
	"crypto/rand"
	"strings"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// EPS is what a user deals with, by his bank and by his phone.
type EPS interface {
	conformance.Enroller
	conformance.Provisioner
}

// User has a token, or is to get one.
type User struct {
	EPS                  EPS
	Service, Name        string
	conformance.Enrolled // what the bank has told him

	Session *oracle.Session // the last try of his phone to get the token
	Answer  []byte          // to it, as it was on the wire
	Grant   oracle.Grant    // what his phone has got
	Suite   oracle.Suite    // of the grant
	Next    uint64          // HOTP: the first counter that he has not used
}

// Named gives a name that no run has used: a target may be there for longer than one.
func Named(purpose string) string { return purpose + "-" + strings.ToLower(rand.Text()[:12]) }

// New is a user of the EPS's first service who has never been heard of.
func New(eps EPS, purpose string) *User {
	return &User{EPS: eps, Service: eps.Declared().Services[0], Name: Named(purpose)}
}

// Enrol has the bank ask for a token. Where the wish names a service or a user, they
// are his from then on; other zero fields leave the choice to the target.
func (u *User) Enrol(ctx context.Context, wish conformance.EnrolRequest) error {
	u.Service, u.Name = cmp.Or(wish.Service, u.Service), cmp.Or(wish.User, u.Name)
	wish.Service, wish.User = u.Service, u.Name
	told, err := u.EPS.Enrol(ctx, wish)
	if err == nil {
		u.Enrolled = told
	}
	return err
}

// Locator and Digits are the two parts of his registration code. In MPP v1 there is no locator.
func (u *User) Locator() string {
	locator, _, found := strings.Cut(u.RegistrationCode, "-")
	if !found {
		return ""
	}
	return locator
}

// Digits are those behind the locator.
func (u *User) Digits() string {
	return u.RegistrationCode[strings.LastIndexByte(u.RegistrationCode, '-')+1:]
}

// OTP is that of a moving factor.
func (u *User) OTP(moving uint64) (string, error) { return u.Grant.OTP(u.PIN, moving) }

// Wrong gives n different OTPs that no server takes from him now.
func (u *User) Wrong(n int) ([]string, error) {
	tok, err := u.Grant.Inner().TOK(u.PIN)
	if err != nil {
		return nil, err
	}
	return u.Suite.Wrong(tok, u.Moving(), n), nil
}

// Moving is the moving factor that is due.
func (u *User) Moving() uint64 {
	if u.Suite.Step == 0 {
		return u.Next
	}
	return u.Suite.Moving(now(u.EPS))
}
