package store

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// stored is a key that rests in the EPS's database under a master key.
type stored struct {
	name   string // first part of its name there
	master string
	as     []*pkcs11.Attribute // what it comes back as
}

var trk = stored{"TRK", "MK-TRK", asTRK}

// wrapped: DBK and TRK open under their master key alone, to be one thing alone.
func wrapped(w *world) {
	It("stores DBK under MK-DBK of its own HSM", conformance.Claims("ST-6.2-1b"), func(ctx SpecContext) { w.expectBound(ctx, w.form().dbk) })
	It("stores TRK under MK-TRK of its own HSM", conformance.Claims("ST-6.2-1c"), func(ctx SpecContext) { w.expectBound(ctx, trk) })
	It("gives DBK back for its one use", conformance.Claims("ST-KEY-DBK"), func(ctx SpecContext) {
		s, dbk, uses := open(ctx, w.Target, "eps"), w.form().dbk, w.form().uses
		blob := dbk.blob(w.tables(ctx))
		n := s.expectOneForm(s.secret(dbk.master), blob, dbk)
		key := s.opened(dbk, blob)
		n += s.beRefused("DBK", s.exports(key, []pkcs11.ObjectHandle{s.secret(dbk.master), s.secret(trk.master)}))
		n += s.expectOnly(key, "DBK", uses...)
		conformance.Observe("the blob of %d bytes opens under %s to a key with %s alone; %d attempts to open it otherwise, read, wrap or use it were refused", len(blob), dbk.master, names(uses), n)
	})
	It("opens a token's row with DBK", conformance.Claims("ST-KEY-DBK"), func(ctx SpecContext) {
		s := open(ctx, w.Target, "eps")
		u := w.enrol(ctx, conformance.EnrolRequest{})
		tables := w.tables(ctx)
		r := only(tables, "eps", "tokens", "id", u.Token)
		key := s.opened(w.form().dbk, w.form().dbk.blob(tables))
		c, err := w.form().unseal(s, key, r)
		Expect(err).NotTo(HaveOccurred(), "a token's row does not open with DBK")
		conformance.Observe("a C of %d bytes came out of the row of a new token with DBK", len(c))
	})
}

// blob is the newest row of the key.
func (k stored) blob(tables []conformance.Table) []byte {
	GinkgoHelper()
	var newest record
	for _, r := range rows(tables, "eps", "wrapped_keys", "master", k.master) {
		name, _, _ := strings.Cut(r.text("name"), "/")
		if name == k.name && (newest == nil || r.number("version") > newest.number("version")) {
			newest = r
		}
	}
	Expect(newest).NotTo(BeNil(), "no row for %s under %s in the database", k.name, k.master)
	return newest["wrapped"]
}

// opened is the key in a session of the bench's own.
func (s session) opened(k stored, blob []byte) pkcs11.ObjectHandle {
	GinkgoHelper()
	o, err := s.unwrap(s.secret(k.master), blob, k.as)
	Expect(err).NotTo(HaveOccurred(), "the blob of %s does not open under %s", k.name, k.master)
	DeferCleanup(s.DestroyObject, s.handle, o)
	return o
}

// expectBound: the blob opens under its master key, under no other, and in no other HSM.
func (w *world) expectBound(ctx SpecContext, k stored) {
	GinkgoHelper()
	s := open(ctx, w.Target, "eps")
	blob := k.blob(w.tables(ctx))
	s.opened(k, blob)

	n := 0
	for _, other := range []session{s, open(ctx, w.second(ctx), "eps")} {
		for _, label := range w.form().masters("eps") {
			if other == s && label == k.master {
				continue
			}
			n += other.beRefused("a key other than "+k.master, []attempt{{"unwrap " + k.name, func() (pkcs11.ObjectHandle, error) {
				return other.unwrap(other.secret(label), blob, k.as)
			}}})
		}
	}
	n += s.beRefused(k.master, s.damaged(s.secret(k.master), blob, k))
	conformance.Observe("the blob of %d bytes opens under %s; %d other ways were refused: the other master key, both of another EPS's HSM, and the blob with a bit changed", len(blob), k.master, n)
}

// second is another EPS with keys of its own, one for all specs. It ends with the target.
func (w *world) second(ctx context.Context) conformance.Target {
	GinkgoHelper()
	if w.twin == nil {
		twin, err := w.Target.(conformance.Twin).Twin(ctx)
		if err != nil {
			conformance.Broken("no second EPS: %v", err)
		}
		w.twin = twin
	}
	return w.twin
}

// damaged are blobs with one bit changed.
func (s session) damaged(master pkcs11.ObjectHandle, blob []byte, k stored) []attempt {
	var all []attempt
	for _, at := range []int{0, len(blob) / 2, len(blob) - 1} {
		bad := append([]byte{}, blob...)
		bad[at] ^= 1
		all = append(all, attempt{"unwrap a changed " + k.name, func() (pkcs11.ObjectHandle, error) { return s.unwrap(master, bad, k.as) }})
	}
	return all
}

// expectOneForm: no template but the due one is taken.
func (s session) expectOneForm(under pkcs11.ObjectHandle, blob []byte, k stored) int {
	GinkgoHelper()
	var all []attempt
	for _, a := range k.as {
		if len(a.Value) != 1 || a.Type == pkcs11.CKA_TOKEN || a.Type == pkcs11.CKA_PRIVATE {
			continue
		}
		template := changed(k.as, a.Type, a.Value[0] == 0)
		all = append(all, attempt{"unwrap " + k.name + " with another " + cryptoki.AttributeName(a.Type), func() (pkcs11.ObjectHandle, error) {
			return s.unwrap(under, blob, template)
		}})
	}
	return s.beRefused("the key above "+k.name, all)
}

// expectOnly tries all operations of a key but those that it is for.
func (s session) expectOnly(o pkcs11.ObjectHandle, name string, uses ...uint) int {
	GinkgoHelper()
	n := 0
	for use, a := range s.operations(o) {
		if !slices.Contains(uses, use) {
			n += s.beRefused(name, []attempt{a})
		}
	}
	return n
}

// names of attributes, as PKCS#11 spells them.
func names(attributes []uint) string {
	var all []string
	for _, a := range attributes {
		all = append(all, cryptoki.AttributeName(a))
	}
	return strings.Join(all, " and ")
}
