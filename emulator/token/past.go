package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// past is which usages that can conflict the keys of one value have had, however many
// objects they were, and also when these are gone: a value that is unwrapped or derived
// twice, or leaves and comes back, is one key (Delaune, Kremer, Steel 2010; Tookan 2010).
// It grows by a record for each usage that a value gains, and ends with the token.
type past struct {
	mu     sync.Mutex
	own    book  // what this process has made
	stored book  // what the directory has, once its key is known
	read   int64 // bytes of its file
}

// book has usages by mechanism.Key.Name: two values with one name are refused too much.
type book struct {
	key *[keySize]byte // under which the values are named; nil: no book
	had map[uint64]flags
}

const (
	pastFile   = "past"
	recordSize = 12      // bytes: name and flags
	maxPast    = 1 << 22 // records
	fPast      = fUsage | fSignedRaw | fTrusted
)

func newBook(key []byte) book { return book{(*[keySize]byte)(key), map[uint64]flags{}} }

func (b *book) of(k *mechanism.Key) flags {
	if b.key == nil || len(b.had) == 0 {
		return 0
	}
	return b.had[k.Name(b.key)]
}

// open is for a login, which tells the token's key; the book stays open after a logout.
// Memory has no second book.
func (p *past) open(s storage, tokenKey []byte) {
	if _, ok := s.(*memory); ok {
		return
	}
	b := newBook(must(hkdf.Expand(sha256.New, tokenKey, "epsbench past 1", keySize)))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stored.key == nil || *p.stored.key != *b.key {
		p.stored, p.read = b, 0
	}
}

// close is for a token that another process has initialised anew.
func (p *past) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stored, p.read = book{}, 0
}

// catchUp takes in what other processes have added.
func (p *past) catchUp(s storage) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stored.key == nil {
		return nil
	}
	more, err := s.grown(pastFile, p.read)
	if err != nil {
		return err
	}
	return p.takeIn(more)
}

func (p *past) takeIn(records []byte) error {
	for len(records) >= recordSize {
		usages := flags(binary.BigEndian.Uint32(records[8:]))
		if usages == 0 || usages&^fPast != 0 {
			return errors.New(pastFile + ": usages that no key has")
		}
		p.stored.had[binary.BigEndian.Uint64(records)] |= usages
		records, p.read = records[recordSize:], p.read+recordSize
	}
	return nil // what is left is half a record of a process that was killed
}

// usagesOf tells the usages that keys of that value have had: all, where that cannot be told.
func (sl *slot) usagesOf(k *mechanism.Key) flags {
	p := &sl.past
	if sl.trouble(p.catchUp(sl.storage)) != nil {
		return fPast
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.own.of(k) | p.stored.of(k)
}

// note adds the usages of an object to the past of its value.
func (sl *slot) note(o *object) error { return sl.add(o, o.past(), nil) }

// claim adds usages that must not conflict with that past. They stay in it where the call
// is refused for another reason.
func (sl *slot) claim(o *object, usages flags) error { return sl.add(o, usages, conflictsOf(o)) }

// add refuses what clashes with rivals.
func (sl *slot) add(o *object, usages flags, rivals []flags) error {
	if usages == 0 || conflictsOf(o) == nil || o.is(fPermissive) || sl.token.permits.conflicts {
		return nil
	}
	if o.key == nil {
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN) // its value is still sealed
	}
	if done, err := sl.past.judge(o.key, usages, rivals); done {
		return err
	}
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return sl.inStep(func() error { return sl.past.add(sl.storage, o.key, usages, rivals) })
}

// judge is done where the usages conflict with the past, or are in it.
func (p *past) judge(k *mechanism.Key, usages flags, rivals []flags) (done bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	own, stored := p.own.of(k), p.stored.of(k)
	if clash(rivals, own|stored|usages) {
		return true, rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return own|usages == own && (p.stored.key == nil || stored|usages == stored), nil
}

// add judges with what other processes have added in sight, and adds. No other writes now.
func (p *past) add(s storage, k *mechanism.Key, usages flags, rivals []flags) error {
	if err := p.catchUp(s); err != nil {
		return err
	}
	if done, err := p.judge(k, usages, rivals); done {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if max(int64(len(p.own.had)), p.read/recordSize) >= maxPast {
		return rv(pkcs11.CKR_DEVICE_MEMORY)
	}
	p.own.had[k.Name(p.own.key)] |= usages
	if p.stored.key == nil {
		return nil
	}
	r := binary.BigEndian.AppendUint64(nil, k.Name(p.stored.key))
	r = binary.BigEndian.AppendUint32(r, uint32(usages))
	if err := s.extend(pastFile, p.read, r); err != nil {
		return err
	}
	return p.takeIn(r)
}

// past is what counts of an object in the past of its value.
func (o *object) past() flags { return o.ever | o.flags&fTrusted }

// claimGained judges the usages that an object gets by a change or in a copy.
func (sl *slot) claimGained(o, now *object) error {
	if now.past() == o.past() {
		return nil
	}
	return sl.claim(now, now.past())
}

// claimNew judges those of a new object. Who gives a secret or private key in clear learns
// nothing by giving it twice. A secret key that is drawn here and has not left is no other's.
func (sl *slot) claimNew(o *object, from origin) error {
	switch {
	case from == generated && o.kind() == secret:
		return nil
	case from == created && o.kind() != public:
		return sl.note(o)
	}
	return sl.claim(o, o.past())
}

func clash(rivals []flags, had flags) bool {
	return slices.ContainsFunc(rivals, func(pair flags) bool { return had&pair == pair })
}
