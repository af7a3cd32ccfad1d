// Package token is a PKCS #11 token in Go: slots, sessions, logins and objects,
// with the cryptography of package mechanism.
//
// Start at New, which gives a cryptoki.Module. What PKCS #11 says about each
// attribute is the table rules in attribute.go; what this token refuses beyond
// the standard stands in policy.go. Handles count up and are never used again;
// an object under a handle never changes, it is replaced.
//
// A token lives in memory or in a directory. In a directory every secret value,
// and everything about private objects, is sealed under a token key, which is
// itself sealed once under the user's PIN and once under the security officer's.
// Before a login the public attributes of public objects can be read, but not
// checked, and their secret values not be used; a login checks all of them.
// Several processes may share a directory.
package token

import (
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/mechanism"
)

// Config says what token New makes. The zero value is one uninitialised token
// in memory.
type Config struct {
	Dir   string // where the tokens live; empty: in memory
	Slots int    // number of slots, counted from 0; 0 means 1

	// With a Label, the token of slot 0 is ready for use: New initialises it
	// with both PINs, unless the directory has it from before.
	Label, SOPIN, UserPIN string

	// Fixed says which slots there are, instead of Slots, Label and PINs: their ids,
	// and what is in each.
	Fixed []Slot

	// Random feeds generated keys and C_GenerateRandom; nil is crypto/rand. RSA
	// pairs, and what seals the directory, never draw from it.
	Random io.Reader

	// PINCost is the base-2 logarithm of scrypt's N for PINs in a directory;
	// 0 means 15, some 60 ms and 32 MiB for a login.
	PINCost int

	// MaxSessions is how many sessions a token has at once; 0 is no limit.
	MaxSessions int

	// Legacy adds what a token of today should not offer: DES, PKCS #1 v1.5
	// encryption, wrapping without integrity, derivations that leak their key. The
	// README lists the rows.
	Legacy bool

	// Permit names refusals that the token does without, for one that stands in for an
	// HSM that has not got them: PermitConflicts and those after it.
	Permit []string

	Identity Identity
	Log      *slog.Logger // says what CKR_DEVICE_ERROR cannot; nil is silence
}

// Slot is a slot with an id of its own. With a Label its token is ready for use, as that
// of Config.Label is.
type Slot struct {
	ID                    uint
	Label, SOPIN, UserPIN string
}

// Identity is what the library, its slots and tokens say they are. Empty fields
// have defaults; an empty Serial is drawn when a token is initialised.
type Identity struct {
	Manufacturer, Library, Slot, Model, Serial string
	Firmware                                   pkcs11.Version
}

// Token is the module: every slot with its token. Its methods are those of
// cryptoki.Module and may be called from many goroutines.
type Token struct {
	identity Identity
	offers   *mechanism.Rows
	random   io.Reader
	pinCost  int
	most     int // sessions of a slot; 0: no limit
	permits  permits
	log      *slog.Logger
	slots    []*slot // in the order of C_GetSlotList
	byID     map[uint]*slot
	events   *events

	running  atomic.Bool
	sessions handles[session]
	objects  handles[object]
}

var _ cryptoki.Extended = (*Token)(nil)

// New makes a module. Its errors say what is wrong with the directory.
func New(c Config) (*Token, error) {
	t := &Token{identity: c.Identity.withDefaults(), random: c.Random, pinCost: c.PINCost, most: c.MaxSessions, log: c.Log,
		byID: map[uint]*slot{}, events: newEvents()}
	var err error
	if t.permits, err = readPermits(c.Permit); err != nil {
		return nil, err
	}
	if t.offers = mechanism.Modern; c.Legacy || t.permits.legacy {
		t.offers = mechanism.Legacy
	}
	if t.random == nil {
		t.random = rand.Reader
	} else {
		t.random = &shared{r: c.Random}
	}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	if t.pinCost == 0 {
		t.pinCost = defaultPINCost
	}
	if t.pinCost < minPINCost || t.pinCost > maxPINCost {
		return nil, fmt.Errorf("token: PINCost %d: scrypt's N is 2^%d to 2^%d here", t.pinCost, minPINCost, maxPINCost)
	}
	for _, want := range c.slots() {
		if t.byID[want.ID] != nil {
			return nil, fmt.Errorf("token: two slots have the id %d", want.ID)
		}
		sl, err := t.openSlot(want.ID, c.Dir)
		if err != nil {
			return nil, err
		}
		t.slots, t.byID[want.ID] = append(t.slots, sl), sl
		if want.Label == "" {
			continue
		}
		if err := sl.ready(want.Label, want.SOPIN, want.UserPIN); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// slots are those that the configuration asks for.
func (c *Config) slots() []Slot {
	if len(c.Fixed) > 0 {
		return c.Fixed
	}
	out := make([]Slot, max(1, c.Slots))
	for id := range out {
		out[id].ID = uint(id)
	}
	out[0].Label, out[0].SOPIN, out[0].UserPIN = c.Label, c.SOPIN, c.UserPIN
	return out
}

func (i Identity) withDefaults() Identity {
	for _, f := range []struct {
		field *string
		value string
	}{
		{&i.Manufacturer, "epsbench"},
		{&i.Library, "epsbench PKCS#11 emulator"},
		{&i.Slot, "epsbench slot"},
		{&i.Model, "emulator"},
	} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	if i.Firmware == (pkcs11.Version{}) {
		i.Firmware = pkcs11.Version{Major: 1}
	}
	return i
}

// shared lets goroutines draw from a reader that is not made for it.
type shared struct {
	mu sync.Mutex
	r  io.Reader
}

func (s *shared) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return io.ReadFull(s.r, p)
}

// Initialize is C_Initialize. Options are accepted: the module always locks.
func (t *Token) Initialize(...pkcs11.InitializeOption) error {
	if !t.running.CompareAndSwap(false, true) {
		return rv(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)
	}
	for _, sl := range t.slots {
		if err := sl.start(); err != nil {
			t.running.Store(false)
			return err
		}
	}
	return nil
}

// Finalize is C_Finalize: sessions and their objects go, token objects stay.
func (t *Token) Finalize() error {
	if !t.running.CompareAndSwap(true, false) {
		return rv(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	t.events.stop()
	for _, sl := range t.slots {
		sl.closeAll()
	}
	return nil
}

// Destroy ends the use of the module, as unloading a library does.
func (t *Token) Destroy() {
	if t.running.Load() {
		t.Finalize()
	}
}

// anySlot finds a slot of the running module, with or without its token.
func (t *Token) anySlot(id uint) (*slot, error) {
	if !t.running.Load() {
		return nil, rv(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	if sl := t.byID[id]; sl != nil {
		return sl, nil
	}
	return nil, rv(pkcs11.CKR_SLOT_ID_INVALID)
}

// slot finds a slot that has its token.
func (t *Token) slot(id uint) (*slot, error) {
	sl, err := t.anySlot(id)
	if err == nil && sl.out.Load() {
		return nil, rv(pkcs11.CKR_TOKEN_NOT_PRESENT)
	}
	return sl, err
}
