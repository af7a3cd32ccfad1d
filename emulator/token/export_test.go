package token

import (
	"bytes"

	"github.com/miekg/pkcs11"
)

// Attributes are the types of all attributes that this token knows.
func Attributes() []uint {
	var out []uint
	for _, r := range rules {
		out = append(out, r.typ)
	}
	return out
}

// Held counts what a module keeps: sessions, objects, and entries by which
// objects are found.
func (t *Token) Held() (sessions, objects, entries int) {
	t.sessions.each(func(*session) { sessions++ })
	t.objects.each(func(*object) { objects++ })
	for _, sl := range t.slots {
		for _, handles := range sl.index.found {
			entries += handles.size()
		}
	}
	return sessions, objects, entries
}

// TokenKey is the key under which slot 0 seals what it stores.
func (t *Token) TokenKey() []byte { return bytes.Clone(t.slots[0].key) }

// BeforeLock has f run once before the storage of slot 0 is locked for the nth
// time from now: what another process may do just then.
func (t *Token) BeforeLock(nth int, f func()) {
	t.slots[0].storage = &interrupted{storage: t.slots[0].storage, left: nth, f: f}
}

type interrupted struct {
	storage
	left int
	f    func()
}

func (i *interrupted) lock() (func(), error) {
	if i.left--; i.left == 0 {
		i.f()
	}
	return i.storage.lock()
}

// turn lets f check PINs too: it would wait for ever for the call that it interrupts.
func (i *interrupted) turn() (func(), error) { return func() {}, nil }

// BeforeChange has f run once before the nth change of slot 0's storage from now.
func (t *Token) BeforeChange(nth int, f func()) {
	t.slots[0].storage = &changing{storage: t.slots[0].storage, left: nth, f: f}
}

type changing struct {
	storage
	left int
	f    func()
}

func (c *changing) count() {
	if c.left--; c.left == 0 {
		c.f()
	}
}

func (c *changing) write(file string, content []byte) error {
	c.count()
	return c.storage.write(file, content)
}

func (c *changing) remove(file string) error {
	c.count()
	return c.storage.remove(file)
}

// Looks counts the objects of slot 0 that a search compares.
func (t *Token) Looks(template []*pkcs11.Attribute) (n int) {
	var want []attribute
	for _, a := range template {
		want = append(want, attribute{a.Type, a.Value})
	}
	if candidates, ok := t.slots[0].index.lookup(want); ok {
		return len(candidates)
	}
	t.objects.each(func(*object) { n++ })
	return n
}

// Wrap is the flag of CKA_WRAP in a record of the past.
const Wrap = uint32(fWrap)

// TakeIn reads records of the past: bytes and values taken in.
func TakeIn(records []byte) (read, values int, err error) {
	p := past{stored: newBook(make([]byte, keySize))}
	err = p.takeIn(records)
	return int(p.read), len(p.stored.had), err
}
