package token

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"
)

// slot is a slot with its token. Using a key takes no lock of it, save where the past of
// its value is asked.
type slot struct {
	token  *Token
	id     uint
	logins atomic.Uint64 // how often somebody logged in or out, times 4, plus the role
	index  index
	out    atomic.Bool // the token has been taken out
	past   past

	mu       sync.Mutex // guards what follows
	storage  storage
	card     *card  // nil: not initialised
	key      []byte // of the token, while somebody is logged in
	sessions map[uint]*session
	records  map[[idSize]byte]*object // token objects in sight
	older    map[[idSize]byte][]name  // versions that a replaced object has left in storage
}

func (t *Token) openSlot(id uint, dir string) (*slot, error) {
	sl := &slot{token: t, id: id, sessions: map[uint]*session{}, records: map[[idSize]byte]*object{}, older: map[[idSize]byte][]name{}}
	sl.past.own = newBook(randomBytes(keySize))
	if dir == "" {
		sl.storage = &memory{files: map[string][]byte{}}
		return sl, nil
	}
	path := filepath.Join(dir, "slot"+strconv.Itoa(int(id)))
	d, err := openDirectory(path)
	if err != nil {
		return nil, err
	}
	sl.storage = d
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if err := sl.exclusively(sl.reload); err != nil {
		return nil, fmt.Errorf("token in %s: %w", path, err)
	}
	return sl, nil
}

// cost is what stretching a PIN takes. In memory the PIN guards nothing that
// the process does not have in clear.
func (sl *slot) cost() int {
	if _, ok := sl.storage.(*memory); ok {
		return minPINCost
	}
	return sl.token.pinCost
}

func (sl *slot) initialised() bool { return sl.card != nil }

func (sl *slot) role() role { return role(sl.logins.Load() & 3) }

func (sl *slot) setRole(r role) { sl.logins.Store((sl.logins.Load()>>2+1)<<2 | uint64(r)) }

// sees tells whether an object is visible to who is logged in.
func (sl *slot) sees(o *object) bool {
	return o.slot == sl && (!o.is(fPrivate) || sl.role() == user)
}

// start brings the slot in step with its storage at C_Initialize.
func (sl *slot) start() error {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	return sl.refresh()
}

// exclusively runs f while no other process writes.
func (sl *slot) exclusively(f func() error) error {
	unlock, err := sl.storage.lock()
	if err != nil {
		return err
	}
	defer unlock()
	return f()
}

// inStep runs f while no other process writes, with what others wrote in sight.
func (sl *slot) inStep(f func() error) error {
	return sl.trouble(sl.exclusively(func() error {
		if sl.storage.changed() {
			if err := sl.reload(); err != nil {
				return err
			}
		}
		return f()
	}))
}

// refresh takes in what other processes wrote.
func (sl *slot) refresh() error {
	if !sl.storage.changed() {
		return nil
	}
	return sl.inStep(func() error { return nil })
}

// trouble turns an error of the storage into CKR_DEVICE_ERROR; the log has the
// rest.
func (sl *slot) trouble(err error) error {
	var code rv
	if err == nil || errors.As(err, &code) {
		return err
	}
	sl.token.log.Error("token storage", "slot", sl.id, "error", err)
	return rv(pkcs11.CKR_DEVICE_ERROR)
}

// reload reads the card, and every object that may be seen and is not yet.
func (sl *slot) reload() error {
	files, err := sl.storage.list()
	if err != nil {
		return err
	}
	if err := sl.reloadCard(); err != nil {
		return err
	}
	newest, err := sl.newest(files)
	if err != nil {
		return err
	}
	for id, o := range sl.records {
		if _, there := newest[id]; !there {
			sl.drop(o)
		}
	}
	for _, n := range newest {
		if err := sl.reloadObject(n); err != nil {
			return fmt.Errorf("%s: %w", n.file(), err)
		}
	}
	return nil
}

// newest gives the last version of each object, and notes the others.
func (sl *slot) newest(files []string) (map[[idSize]byte]name, error) {
	clear(sl.older)
	newest := map[[idSize]byte]name{}
	for _, file := range files {
		n, ok := parseName(file)
		if !ok && file != cardFile && file != pastFile {
			return nil, fmt.Errorf("%s: not a file of a token", file)
		}
		if !ok {
			continue
		}
		had, twice := newest[n.id]
		if twice && n.version < had.version {
			n, had = had, n
		}
		if twice {
			sl.older[n.id] = append(sl.older[n.id], had)
		}
		newest[n.id] = n
	}
	return newest, nil
}

func (sl *slot) reloadCard() error {
	var now *card
	file, err := sl.storage.read(cardFile)
	if err == nil {
		now, err = decodeCard(file)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", cardFile, err)
	}
	if sl.card != nil && !sl.card.same(now) {
		sl.forgetAll() // initialised anew by another process
	}
	sl.card = now
	return nil
}

func (sl *slot) reloadObject(n name) error {
	had := sl.records[n.id]
	if had != nil && had.name == n && (!had.unchecked || sl.key == nil) {
		return nil
	}
	file, err := sl.storage.read(n.file())
	if err != nil {
		return err
	}
	f, err := decodeFile(n, file)
	if err != nil {
		return err
	}
	switch {
	case sl.card == nil || !bytes.Equal(f.Epoch, sl.card.Epoch):
		return nil // left over from before the token was initialised anew
	case f.Private && sl.role() != user:
		return nil
	}
	o, err := decodeObject(n, f, sl.key)
	if err != nil {
		return err
	}
	sl.adopt(o)
	return nil
}

// adopt brings a token object in sight, or its new state.
func (sl *slot) adopt(o *object) {
	o.slot = sl
	had := sl.records[o.name.id]
	if had != nil {
		o.handle = had.handle
	} else {
		o.handle = sl.token.objects.reserve()
	}
	sl.records[o.name.id] = o
	sl.index.replace(had, o, func() bool { sl.token.objects.put(o.handle, o); return true })
}

// drop takes a token object out of sight.
func (sl *slot) drop(o *object) {
	delete(sl.records, o.name.id)
	sl.token.forget(o.handle)
}

// forget ends a handle.
func (t *Token) forget(handle uint) *object {
	for {
		o := t.objects.get(handle)
		if o == nil {
			return nil
		}
		if !o.slot.index.replace(o, nil, func() bool { return t.objects.remove(handle, o) }) {
			continue // changed meanwhile
		}
		if o.owner != nil {
			o.owner.disown(handle)
		}
		return o
	}
}

// logout ends a login: private objects are out of sight for good, their handles
// do not come back (PKCS #11 v2.40, C_Logout).
func (sl *slot) logout() {
	if sl.role() == nobody {
		return
	}
	sl.setRole(nobody)
	clear(sl.key)
	sl.key = nil
	for _, o := range sl.records {
		if o.is(fPrivate) {
			sl.drop(o)
		}
	}
	sl.token.objects.each(func(o *object) {
		if o.slot == sl && o.is(fPrivate) {
			sl.token.forget(o.handle)
		}
	})
}

func (sl *slot) forgetAll() {
	sl.logout()
	sl.past.close()
	for _, o := range sl.records {
		sl.drop(o)
	}
}
