package store

import (
	"bytes"
	"context"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// tables is a dump of all that the target stores.
func (w *world) tables(ctx context.Context) []conformance.Table {
	GinkgoHelper()
	tables, err := w.Target.(conformance.Database).Dump(ctx)
	Expect(err).NotTo(HaveOccurred(), "dump of the database")
	return tables
}

// columns of every table, each a place.
func (w *world) columns(ctx context.Context) []place {
	GinkgoHelper()
	var all []place
	for _, t := range w.tables(ctx) {
		for i, column := range t.Columns {
			p := place{name: "column " + t.Database + "." + t.Name + "." + column}
			for _, row := range t.Rows {
				p.data = append(append(p.data, row[i]...), '\n')
			}
			all = append(all, p)
		}
	}
	return all
}

// files of the database engine: data, journals, logs.
func (w *world) files(ctx context.Context) []place {
	GinkgoHelper()
	files, err := w.Target.(conformance.Database).Files(ctx)
	Expect(err).NotTo(HaveOccurred(), "files of the database")
	var all []place
	for _, name := range slices.Sorted(maps.Keys(files)) {
		all = append(all, place{"file " + name, files[name]})
	}
	return all
}

func (w *world) logs(ctx context.Context) []place {
	GinkgoHelper()
	text, err := w.Target.(conformance.Logs).Logs(ctx)
	Expect(err).NotTo(HaveOccurred(), "logs")
	return []place{{"the log", text}}
}

// pluginWire is what went to the authentication server so far, where the bench can listen.
func (w *world) pluginWire() []place {
	tap, ok := w.Target.(conformance.PluginTap)
	if !ok || !w.Capabilities()[conformance.CanTapPlugin] {
		return nil
	}
	return []place{{"the plug-in messages", bytes.Join(tap.PluginMessages(), []byte("\n"))}}
}

// phoneWire is what went between the phones and the EPS.
func phoneWire(people []*user) []place {
	requests, answers := place{name: "the phones' requests"}, place{name: "the answers to phones"}
	for _, u := range people {
		requests.data = append(append(requests.data, u.request...), '\n')
		answers.data = append(append(answers.data, u.answer...), '\n')
	}
	return []place{requests, answers}
}

// needles are all secrets that the bench knows of a user.
func (u *user) needles() []needle {
	all := slices.Concat(u.pin(), u.codes(), u.keys())
	for _, otp := range u.otps {
		all = append(all, decimal("OTP", otp))
	}
	return all
}

func (u *user) pin() []needle {
	if u.PIN == "" {
		return nil
	}
	return []needle{decimal("PIN", u.PIN)}
}

func (u *user) codes() []needle {
	if u.RegistrationCode == "" {
		return nil
	}
	return []needle{decimal("registration code", u.code())}
}

// keys are TOK, C, KEK and what the phone's session was made of.
func (u *user) keys() []needle {
	all := slices.Clone(u.more)
	if u.grant.Token == "" {
		return all
	}
	kt, kc := u.session.Keys()
	return append(all,
		raw("TOK", u.tok()), raw("C", u.grant.Inner().C), raw("KEK", u.kek()),
		raw("S", u.session.Request.S), raw("K_t", kt), raw("K_c", kc))
}

// every gives the needles of all users by one of the methods above.
func every(people []*user, of func(*user) []needle) []needle {
	var all []needle
	for _, u := range people {
		all = append(all, of(u)...)
	}
	return all
}

// expectInUse fails where a public value, the id of a token, is in none of a group of
// places: then they are not those that the target writes to.
func expectInUse(token string, groups ...[]place) {
	GinkgoHelper()
	for _, group := range groups {
		used := slices.ContainsFunc(group, func(p place) bool { return bytes.Contains(p.data, []byte(token)) })
		Expect(used).To(BeTrue(), "the id of a token is not in %s, nor in %d more places like it", group[0].name, len(group)-1)
	}
}

func observeSearch(patterns, places, bytes int) {
	conformance.Observe("%d patterns searched in %d places with %d bytes, none found; each was found in a copy of each place where it had been planted", patterns, places, bytes)
}
