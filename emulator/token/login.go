package token

import (
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"
)

// ready initialises a token that is not yet.
func (sl *slot) ready(label, soPIN, userPIN string) error {
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.card == nil {
		if checkPIN(soPIN) != nil || checkPIN(userPIN) != nil || len(label) > maxLabel {
			return fmt.Errorf("token: PINs have %d to %d bytes, a label at most %d", minPIN, maxPIN, maxLabel)
		}
		if err := sl.initialise(label, soPIN, userPIN); err != nil && err != overtaken {
			return err
		}
	}
	if sl.card.Label != label {
		return fmt.Errorf("token: the directory holds the token %q, not %q", sl.card.Label, label)
	}
	return nil
}

// overtaken says that another process has initialised the token meanwhile.
const overtaken = rv(pkcs11.CKR_TOKEN_NOT_RECOGNIZED)

// initialise makes a new card with a new key; an empty user PIN is not set.
func (sl *slot) initialise(label, soPIN, userPIN string) error {
	before, serial := sl.card, sl.token.identity.Serial
	if before != nil {
		serial = before.Serial
	}
	key := randomBytes(keySize)
	defer clear(key)
	c := newCard(serial, label)
	if err := c.set(securityOfficer, soPIN, key, sl.cost()); err != nil {
		return err
	}
	if userPIN != "" {
		if err := c.set(user, userPIN, key, sl.cost()); err != nil {
			return err
		}
	}
	return sl.inStep(func() error {
		if before == nil && sl.card != nil || before != nil && !before.same(sl.card) {
			return overtaken
		}
		sl.forgetAll()
		sl.card = c
		if err := sl.saveCard(); err != nil {
			return err
		}
		return sl.removeAll()
	})
}

// removeAll deletes the objects that the old card left: none can be opened.
func (sl *slot) removeAll() error {
	files, err := sl.storage.list()
	if err != nil {
		return err
	}
	for _, file := range files {
		if _, ok := parseName(file); ok || file == pastFile {
			if err := sl.storage.remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

func (sl *slot) saveCard() error {
	content, err := encode(cardMagic, sl.card)
	if err != nil {
		return err
	}
	return sl.storage.write(cardFile, content)
}

// verify gives the token key for a PIN. The try is counted, durably, before the
// PIN is looked at: killing the process does not give it back. Processes take turns, or the
// tries of many that log in at once would count together.
func (sl *slot) verify(who role, PIN string) ([]byte, error) {
	done, err := sl.storage.turn()
	if err != nil {
		return nil, sl.trouble(err)
	}
	defer done()
	err = sl.inStep(func() error {
		if sl.card == nil {
			return rv(pkcs11.CKR_TOKEN_NOT_RECOGNIZED)
		}
		p := sl.card.pin(who)
		switch {
		case p.Cost == 0:
			return rv(pkcs11.CKR_USER_PIN_NOT_INITIALIZED)
		case p.Tries == 0:
			return rv(pkcs11.CKR_PIN_LOCKED)
		}
		p.Tries--
		return sl.saveCard()
	})
	if err != nil {
		return nil, err
	}
	opened := sl.card
	key, err := opened.open(who, PIN)
	if err != nil {
		return nil, rv(pkcs11.CKR_PIN_INCORRECT)
	}
	return key, sl.onCard(opened, func() error {
		sl.card.pin(who).Tries = maxTries
		return sl.saveCard()
	})
}

// onCard runs f in step, unless another process initialised the token anew: a
// key of the card before must not get into the one of now.
func (sl *slot) onCard(c *card, f func() error) error {
	return sl.inStep(func() error {
		if !c.same(sl.card) {
			return overtaken
		}
		return f()
	})
}

// InitToken is C_InitToken: it deletes every object and the user PIN. A token
// that is initialised asks for its security officer's PIN.
func (t *Token) InitToken(slotID uint, PIN string, label string) error {
	sl, err := t.slot(slotID)
	if err != nil {
		return err
	}
	label = strings.TrimRight(label, " ")
	if len(label) > maxLabel {
		return rv(pkcs11.CKR_ARGUMENTS_BAD)
	}
	if checkPIN(PIN) != nil {
		return rv(pkcs11.CKR_PIN_INCORRECT) // the one code that C_InitToken has for it
	}
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if err := sl.refresh(); err != nil {
		return err
	}
	if len(sl.sessions) > 0 {
		return rv(pkcs11.CKR_SESSION_EXISTS)
	}
	if sl.card != nil {
		key, err := sl.verify(securityOfficer, PIN)
		if err != nil {
			return err
		}
		clear(key)
	}
	return sl.initialise(label, PIN, "")
}

// InitPIN is C_InitPIN: the security officer sets the user's PIN, and clears
// its counter.
func (t *Token) InitPIN(sh pkcs11.SessionHandle, PIN string) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	sl := s.slot
	sl.mu.Lock()
	defer sl.mu.Unlock()
	if sl.role() != securityOfficer {
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	if err := checkPIN(PIN); err != nil {
		return err
	}
	return sl.inStep(func() error {
		if sl.key == nil {
			return rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
		}
		if err := sl.card.set(user, PIN, sl.key, sl.cost()); err != nil {
			return err
		}
		return sl.saveCard()
	})
}

// SetPIN is C_SetPIN: the PIN of who is logged in, or the user's.
func (t *Token) SetPIN(sh pkcs11.SessionHandle, oldPIN, newPIN string) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	if !s.rw {
		return rv(pkcs11.CKR_SESSION_READ_ONLY)
	}
	if err := checkPIN(newPIN); err != nil {
		return err
	}
	sl := s.slot
	sl.mu.Lock()
	defer sl.mu.Unlock()
	who := max(sl.role(), user)
	key, err := sl.verify(who, oldPIN)
	if err != nil {
		return err
	}
	defer clear(key)
	return sl.onCard(sl.card, func() error {
		if err := sl.card.set(who, newPIN, key, sl.cost()); err != nil {
			return err
		}
		return sl.saveCard()
	})
}

var userTypes = map[uint]role{pkcs11.CKU_USER: user, pkcs11.CKU_SO: securityOfficer}

// Login is C_Login. It holds for every session of this process on the token.
// Ten wrong PINs in a row lock the PIN. For CKU_CONTEXT_SPECIFIC see proof.
func (t *Token) Login(sh pkcs11.SessionHandle, userType uint, PIN string) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	who, ok := userTypes[userType]
	sl := s.slot
	sl.mu.Lock()
	defer sl.mu.Unlock()
	switch {
	case userType == pkcs11.CKU_CONTEXT_SPECIFIC:
		return s.prove(PIN)
	case !ok:
		return rv(pkcs11.CKR_USER_TYPE_INVALID)
	}
	if err := sl.mayLogin(who); err != nil {
		return err
	}
	key, err := sl.verify(who, PIN)
	if err != nil {
		return err
	}
	sl.key = key
	sl.setRole(who)
	sl.past.open(sl.storage, key)
	if err := sl.trouble(sl.exclusively(sl.reload)); err != nil {
		sl.logout()
		return err
	}
	if sl.role() != who {
		return overtaken
	}
	return nil
}

func (sl *slot) mayLogin(who role) error {
	if who == securityOfficer && sl.readOnly() {
		return rv(pkcs11.CKR_SESSION_READ_ONLY_EXISTS)
	}
	switch sl.role() {
	case nobody:
		return nil
	case who:
		return rv(pkcs11.CKR_USER_ALREADY_LOGGED_IN)
	}
	return rv(pkcs11.CKR_USER_ANOTHER_ALREADY_LOGGED_IN)
}

// readOnly tells whether a read-only session is open.
func (sl *slot) readOnly() bool {
	for _, s := range sl.sessions {
		if !s.rw {
			return true
		}
	}
	return false
}

// Logout is C_Logout.
func (t *Token) Logout(sh pkcs11.SessionHandle) error {
	s, err := t.enter(sh)
	if err != nil {
		return err
	}
	defer s.leave()
	s.slot.mu.Lock()
	defer s.slot.mu.Unlock()
	if s.slot.role() == nobody {
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	s.slot.logout()
	return nil
}
