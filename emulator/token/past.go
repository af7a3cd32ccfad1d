package token

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// past is which usages that can conflict the keys of one value have had, however many
// objects they were, and also when these are gone: a value that is unwrapped or derived
// twice, or leaves and comes back, is one key (Delaune, Kremer, Steel 2010; Tookan 2010).
// It grows by a record for each value with such a usage, and never shrinks.
type past struct {
	key  []byte // names the values
	had  map[valueName]flags
	read int64 // bytes of the file in had
}

// valueName stands for the value of a key. Two values with one name would only be
// refused more than they should.
type valueName uint64

const (
	pastFile   = "past"
	recordSize = 12      // bytes: name and flags
	maxPast    = 1 << 22 // values
)

func newPast(tokenKey []byte) *past {
	key, err := hkdf.Expand(sha256.New, tokenKey, "epsbench past 1", keySize)
	return &past{key: must(key, err), had: map[valueName]flags{}}
}

// under is the past of the token with that key: p itself, if it is. Before the first login
// there is nothing to keep apart: a program then has but what it has brought in clear.
func (p *past) under(tokenKey []byte) *past {
	if own := newPast(tokenKey); !bytes.Equal(own.key, p.key) {
		return own
	}
	return p
}

// name is that of a secret value, or of an RSA pair.
func (p *past) name(k *mechanism.Key) valueName {
	mac := hmac.New(sha256.New, p.key)
	if k.Public() != nil {
		mac.Write([]byte("pair "))
		mac.Write(k.Public().N.Bytes())
	} else {
		mac.Write(k.Value())
	}
	return valueName(binary.BigEndian.Uint64(mac.Sum(nil)))
}

// takeIn adds records of the file.
func (p *past) takeIn(records []byte) error {
	for len(records) >= recordSize {
		if len(p.had) >= maxPast {
			return fmt.Errorf("%s: more than %d values", pastFile, maxPast)
		}
		usages := flags(binary.BigEndian.Uint32(records[8:]))
		if usages == 0 || usages&^(fUsage|fSignedRaw) != 0 {
			return errors.New(pastFile + ": usages that no key has")
		}
		p.had[valueName(binary.BigEndian.Uint64(records))] |= usages
		records, p.read = records[recordSize:], p.read+recordSize
	}
	return nil // what is left is half a record of a process that was killed
}

// catchUp takes in what other processes have added.
func (sl *slot) catchUp() error {
	more, err := sl.storage.grown(pastFile, sl.past.read)
	if err != nil {
		return err
	}
	return sl.past.takeIn(more)
}

// had tells the usages that keys of that value have had: all, where that cannot be told.
func (sl *slot) had(k *mechanism.Key) flags {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.trouble(sl.catchUp()) != nil {
		return fUsage
	}
	return sl.past.had[sl.past.name(k)]
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
	sl.mu.Lock()
	defer sl.mu.Unlock()
	add := func() error { return sl.add(sl.past.name(o.key), usages, rivals, ask) }
	if sl.past.had[sl.past.name(o.key)]&usages == usages {
		return add() // nothing to write, and no news from other processes
	}
	return sl.inStep(func() error {
		if err := sl.catchUp(); err != nil {
			return err
		}
		return add()
	})
}

func (sl *slot) add(name valueName, usages flags, rivals []flags, ask bool) error {
	had := sl.past.had[name]
	switch {
	case ask && clash(rivals, had|usages):
		return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	case had|usages == had:
		return nil
	case len(sl.past.had) >= maxPast:
		return rv(pkcs11.CKR_DEVICE_MEMORY)
	}
	r := binary.BigEndian.AppendUint64(nil, uint64(name))
	r = binary.BigEndian.AppendUint32(r, uint32(usages))
	if err := sl.storage.extend(pastFile, sl.past.read, r); err != nil {
		return err
	}
	return sl.past.takeIn(r)
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
