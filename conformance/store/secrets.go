package store

import (
	"slices"

	"github.com/fxamacker/cbor/v2"
	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
)

// secrets: nothing of what users and phones know is where it could be read.
func secrets(w *world) {
	It("never writes TOK, C or a key that opens them", conformance.Claims("ST-6.3-conf"), func(ctx SpecContext) {
		people := w.people(ctx)
		columns, files, logs := hunt.Columns(ctx, w.Target), hunt.Files(ctx, w.Target), hunt.Logs(ctx, w.Target)
		hunt.ExpectInUse(people[0].Token, columns, files, logs)
		h := hunt.For(every(people, (*user).needles)...)
		h.ExpectNothing(slices.Concat(columns, files, logs, w.pluginWire(), phoneWire(people)))
	})
	It("stores no registration code, in clear or as a hash", conformance.Claims("ST-B6"), func(ctx SpecContext) {
		var needles []hunt.Needle
		var last *user
		for range 3 {
			last = w.enrol(ctx, conformance.EnrolRequest{})
			needles = append(append(needles, last.codes()...), last.codeHashes()...)
		}
		columns, files := hunt.Columns(ctx, w.Target), hunt.Files(ctx, w.Target)
		hunt.ExpectInUse(last.Token, columns, files)
		hunt.For(needles...).ExpectNothing(append(columns, files...))
	})
	It("stores TOK under two layers only", conformance.Claims("ST-B7"), func(ctx SpecContext) {
		people := w.people(ctx)
		columns, files := hunt.Columns(ctx, w.Target), hunt.Files(ctx, w.Target)
		hunt.ExpectInUse(people[0].Token, columns, files)
		hunt.For(every(people, (*user).keys)...).ExpectNothing(append(columns, files...))
	})
}

// codeHashes are the digests that an unkeyed index might be: of the code alone and with
// all that is stored beside it.
func (u *user) codeHashes() []hunt.Needle {
	encoded, err := cbor.Marshal([]any{u.Service, u.Locator(), []byte(u.Digits())})
	if err != nil {
		conformance.Broken("CBOR: %v", err) // texts and bytes can be encoded
	}
	var all []hunt.Needle
	for _, text := range []string{
		u.Digits(), u.RegistrationCode, u.Locator() + u.Digits(), u.Service + u.Digits(), u.Service + u.Locator() + u.Digits(),
		u.Name + u.Digits(), u.Token + u.Digits(), u.Digits() + u.Token, u.Digits() + u.Service, u.Digits() + u.Locator(), string(encoded),
	} {
		all = append(all, hunt.Hashes("the registration code", []byte(text))...)
	}
	return all
}
