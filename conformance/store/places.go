package store

import (
	"bytes"
	"context"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
)

// tables is a dump of all that the target stores.
func (w *world) tables(ctx context.Context) []conformance.Table {
	GinkgoHelper()
	tables, err := w.Target.(conformance.Database).Dump(ctx)
	Expect(err).NotTo(HaveOccurred(), "dump of the database")
	return tables
}

// pluginWire is what went to the authentication server so far, where the bench can listen.
func (w *world) pluginWire() []hunt.Place {
	tap, ok := w.Target.(conformance.PluginTap)
	if !ok || !w.Capabilities()[conformance.CanTapPlugin] {
		return nil
	}
	return []hunt.Place{{Name: "the plug-in messages", Data: bytes.Join(tap.PluginMessages(), []byte("\n"))}}
}

// phoneWire is what went between the phones and the EPS.
func phoneWire(people []*user) []hunt.Place {
	requests, answers := hunt.Place{Name: "the phones' requests"}, hunt.Place{Name: "the answers to phones"}
	for _, u := range people {
		if u.Session == nil {
			continue
		}
		requests.Data = append(append(requests.Data, u.Session.Body...), '\n')
		answers.Data = append(append(answers.Data, u.Answer...), '\n')
	}
	return []hunt.Place{requests, answers}
}

// needles are all secrets that the bench knows of a user.
func (u *user) needles() []hunt.Needle {
	all := slices.Concat(u.pin(), u.codes(), u.keys())
	for _, otp := range u.otps {
		all = append(all, hunt.Digits("OTP", otp))
	}
	return all
}

func (u *user) pin() []hunt.Needle {
	if u.PIN == "" {
		return nil
	}
	return []hunt.Needle{hunt.Digits("PIN", u.PIN)}
}

func (u *user) codes() []hunt.Needle {
	if u.RegistrationCode == "" {
		return nil
	}
	return []hunt.Needle{hunt.Digits("registration code", u.Digits())}
}

// keys are those that the phone knows, and what else must be nowhere.
func (u *user) keys() []hunt.Needle {
	all := slices.Clone(u.more)
	for _, k := range u.phoneKeys() {
		all = append(all, hunt.Bytes(k.name, k.value))
	}
	return all
}

// phoneKey is a key that a phone has or can compute.
type phoneKey struct {
	name  string
	value []byte
}

// phoneKeys are TOK, C, KEK and what the phone's session was made of; none without a grant.
func (u *user) phoneKeys() []phoneKey {
	if u.Grant.Token == "" {
		return nil
	}
	kt, kc := u.Session.Keys()
	return []phoneKey{
		{"TOK", u.tok()}, {"C", u.Grant.Inner().C}, {"KEK", u.kek()},
		{"S", u.Session.Request.S}, {"K_t", kt}, {"K_c", kc},
	}
}

// every gives the needles of all users by one of the methods above.
func every(people []*user, of func(*user) []hunt.Needle) []hunt.Needle {
	var all []hunt.Needle
	for _, u := range people {
		all = append(all, of(u)...)
	}
	return all
}
