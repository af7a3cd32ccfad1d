package token_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/token"
)

const keyLimit = 1024 // bytes of memory for a stored key with a label and an id

func numbered(n int) []*pkcs11.Attribute {
	return append(but(aesOf(key32, cE, pkcs11.CKA_SENSITIVE), attr(pkcs11.CKA_TOKEN, true)),
		attr(pkcs11.CKA_LABEL, fmt.Sprintf("key %09d", n)), attr(pkcs11.CKA_ID, fmt.Sprintf("id%014d", n)))
}

// fill stores so many keys and gives the bytes of memory that each takes.
func (g *ground) fill(keys int) uint64 {
	g.t.Helper()
	before := heap()
	for n := range keys {
		g.create(numbered(n))
	}
	return (heap() - before) / uint64(keys)
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A search by label or id looks at one object, however many there are; a search by both at
// the fewer of the two, also where all labels are the same.
func TestASearchLooksAtFewObjects(t *testing.T) {
	g := memoryToken(t)
	const keys = 5000
	each := g.fill(keys)
	if each > keyLimit {
		t.Errorf("a key takes %d bytes, at most %d", each, keyLimit)
	}
	alike := g.create(append(but(aesOf(key16, cE)), attr(pkcs11.CKA_LABEL, "key 000000007"), attr(pkcs11.CKA_ID, "another")))
	label, id := attr(pkcs11.CKA_LABEL, "key 000000007"), attr(pkcs11.CKA_ID, "another")
	for _, c := range []struct {
		name         string
		template     []*pkcs11.Attribute
		looks, finds int
	}{
		{"a label of one", []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "key 000000042")}, 1, 1},
		{"a label of two", []*pkcs11.Attribute{label}, 2, 2},
		{"the label of two and an id of one", []*pkcs11.Attribute{label, id}, 1, 1},
		{"the id first", []*pkcs11.Attribute{id, label}, 1, 1},
		{"a label and an id of different keys", []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "key 000000008"), id}, 1, 0},
		{"a label of none", []*pkcs11.Attribute{attr(pkcs11.CKA_LABEL, "none")}, 0, 0},
		{"an attribute of all", []*pkcs11.Attribute{attr(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), attr(pkcs11.CKA_VALUE_LEN, 16)}, keys + 1, 1},
	} {
		if looks := g.Module.(*token.Token).Looks(c.template); looks != c.looks {
			t.Errorf("%s: looks at %d objects, not %d", c.name, looks, c.looks)
		}
		if found := g.find(c.template...); len(found) != c.finds {
			t.Errorf("%s: found %d, want %d", c.name, len(found), c.finds)
		}
	}
	check(t, g.DestroyObject(g.s, alike))
	if found := g.find(label); len(found) != 1 {
		t.Errorf("after one of two is gone: %d", len(found))
	}
}

// BenchmarkFind times a search by label among so many stored keys, and counts the bytes of
// memory that a key takes.
func BenchmarkFind(b *testing.B) {
	for _, keys := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(keys), func(b *testing.B) {
			g := memoryToken(b)
			each := g.fill(keys)
			b.ResetTimer()
			for n := 0; b.Loop(); n++ {
				if found := g.find(attr(pkcs11.CKA_LABEL, fmt.Sprintf("key %09d", n%keys))); len(found) != 1 {
					b.Fatalf("found %v", found)
				}
			}
			b.ReportMetric(float64(each), "B/key")
		})
	}
}

// BenchmarkOpen times what a program waits for a directory of a thousand keys: opening it,
// and the login.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	g := directoryToken(b, dir)
	g.fill(1000)
	g.Destroy()
	b.ResetTimer()
	for b.Loop() {
		m := open(b, dir)
		loggedIn(b, m)
		m.Destroy()
	}
}
