package token

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// past is which usages that can conflict the keys of one value have had, however many
// objects they were, and also when these are gone: a value that is unwrapped or derived
// twice, or leaves and comes back, is one key (Delaune, Kremer, Steel 2010; Tookan 2010).
// It grows by a record for each value with such a usage, and never shrinks.
type past struct {
	mu   sync.Mutex
	key  *[keySize]byte   // under which the values are named
	had  map[uint64]flags // by mechanism.Key.Name: two values with one name are refused too much
	read int64            // bytes of the file in had
}

const (
	pastFile   = "past"
	recordSize = 12      // bytes: name and flags
	maxPast    = 1 << 22 // values
)

// begin is for another token key. Before the first login, which gives it, there is nothing
// to keep apart: a program then has but what it has brought in clear.
func (p *past) begin(tokenKey []byte) {
	key, err := hkdf.Expand(sha256.New, tokenKey, "epsbench past 1", keySize)
	now := [keySize]byte(must(key, err))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key == nil || *p.key != now {
		p.key, p.had, p.read = &now, map[uint64]flags{}, 0
	}
}

// catchUp takes in what other processes have added.
func (p *past) catchUp(s storage) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	more, err := s.grown(pastFile, p.read)
	if err != nil {
		return err
	}
	return p.takeIn(more)
}

func (p *past) takeIn(records []byte) error {
	for len(records) >= recordSize {
		if len(p.had) >= maxPast {
			return fmt.Errorf("%s: more than %d values", pastFile, maxPast)
		}
		usages := flags(binary.BigEndian.Uint32(records[8:]))
		if usages == 0 || usages&^(fUsage|fSignedRaw) != 0 {
			return errors.New(pastFile + ": usages that no key has")
		}
		p.had[binary.BigEndian.Uint64(records)] |= usages
		records, p.read = records[recordSize:], p.read+recordSize
	}
	return nil // what is left is half a record of a process that was killed
}

// of tells the usages that keys of that value have had: all, where that cannot be told.
func (sl *slot) of(k *mechanism.Key) flags {
	p := &sl.past
	if sl.trouble(p.catchUp(sl.storage)) != nil {
		return fUsage
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.had[k.Name(p.key)]
}

// remember adds usages to the past of an object's value. With ask they must not conflict
// with what is there.
func (sl *slot) remember(o *object, usages flags, ask bool) error {
	rivals := conflictsOf(o)
	if usages == 0 || rivals == nil || o.is(fPermissive) || sl.token.permits.conflicts {
		return nil
	}
	if o.key == nil {
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN) // its value is still sealed
	}
	if !ask {
		rivals = nil
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
	had := p.had[k.Name(p.key)]
	if clash(rivals, had|usages) {
		return true, rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return had|usages == had, nil
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
	if len(p.had) >= maxPast {
		return rv(pkcs11.CKR_DEVICE_MEMORY)
	}
	r := binary.BigEndian.AppendUint64(nil, k.Name(p.key))
	r = binary.BigEndian.AppendUint32(r, uint32(usages))
	if err := s.extend(pastFile, p.read, r); err != nil {
		return err
	}
	return p.takeIn(r)
}

// gains judges the usages that an object gets by a change or in a copy.
func (sl *slot) gains(o, now *object) error {
	if now.ever == o.ever {
		return nil
	}
	return sl.remember(now, now.ever, true)
}

// comes judges the usages of a new object. Who gives a secret or private key in clear
// learns nothing by giving it twice. A key that is drawn here and has not left is no other's.
func (sl *slot) comes(o *object, from origin) error {
	if from == generated && o.kind() == secret {
		return nil
	}
	return sl.remember(o, o.ever, from != created || o.kind() == public)
}

func clash(rivals []flags, had flags) bool {
	return slices.ContainsFunc(rivals, func(pair flags) bool { return had&pair == pair })
}
