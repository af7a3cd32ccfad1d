package personality

import (
	"math/rand/v2"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// deed is what a rule does that no table says: code around the calls of some functions.
type deed struct {
	functions []cryptoki.Function
	run       func(l *Layer, r *compiled, c *cryptoki.Call, next func() error) error
}

// deedState is what deeds remember, guarded by memory's lock.
type deedState struct {
	ivs     map[pkcs11.SessionHandle][]byte // that the HSM has drawn, of encryptions that run
	roles   map[uint]role                   // by slot
	limited map[uint]bool                   // slots where a crypto user is logged in
	repeats *rand.ChaCha8
}

// deeds are the words of Then.Do.
var deeds = map[string]deed{
	// GCM whose IV the HSM draws, where the caller gives none or zeros. It follows the tag.
	"gcm-own-iv": {[]cryptoki.Function{cryptoki.EncryptInit, cryptoki.Encrypt, cryptoki.EncryptFinal}, ownIV},
	// GCM that takes no IV for twelve zeros.
	"gcm-zero-iv": {[]cryptoki.Function{cryptoki.EncryptInit, cryptoki.DecryptInit}, zeroIV},
	// No attribute holds a template.
	"no-nested-templates": {append([]cryptoki.Function{cryptoki.GetAttributeValue, cryptoki.AttributeValues, cryptoki.GenerateKey, cryptoki.GenerateKeyPair}, making...), noTemplates},
	// OAEP whose label nobody looks at when it decrypts.
	"oaep-label-ignored": {[]cryptoki.Function{cryptoki.DecryptInit}, labelIgnored},
	// The vendor's role 0x80000001 logs in with the user's PIN, and makes no keys.
	"crypto-user": {append([]cryptoki.Function{cryptoki.Login, cryptoki.LoginUser, cryptoki.Logout}, making...), cryptoUser},
	// The user whose PIN the security officer has set logs in, and may change that PIN only.
	"pin-expires": {append([]cryptoki.Function{cryptoki.InitPIN, cryptoki.SetPIN, cryptoki.Login, cryptoki.LoginUser, cryptoki.Logout,
		cryptoki.GetAttributeValue, cryptoki.AttributeValues, cryptoki.FindObjectsInit, cryptoki.EncryptInit, cryptoki.DecryptInit, cryptoki.DigestInit,
		cryptoki.SignInit, cryptoki.SignRecoverInit, cryptoki.VerifyInit, cryptoki.VerifyRecoverInit, cryptoki.WrapKey,
		cryptoki.GenerateRandom, cryptoki.SeedRandom}, making...), pinExpires},
	// C_GenerateRandom begins anew with C_Initialize.
	"random-repeats": {[]cryptoki.Function{cryptoki.Initialize, cryptoki.GenerateRandom}, randomRepeats},
	// A session needs no CKF_SERIAL_SESSION.
	"serial-ignored": {[]cryptoki.Function{cryptoki.OpenSession}, func(_ *Layer, _ *compiled, c *cryptoki.Call, next func() error) error {
		c.Flags |= pkcs11.CKF_SERIAL_SESSION
		return next()
	}},
}

// ownIVLength is what a Luna draws, bytes.
const ownIVLength = 16

func ownIV(l *Layer, _ *compiled, c *cryptoki.Call, next func() error) error {
	if c.Function == cryptoki.EncryptInit {
		return l.beginOwnIV(c, next)
	}
	l.mu.Lock()
	iv := l.ivs[c.Session]
	delete(l.ivs, c.Session)
	l.mu.Unlock()
	err := next()
	if err == nil && iv != nil {
		c.Out = append(c.Out, iv...)
	}
	return err
}

// beginOwnIV draws an IV where none is given. What the session had before is forgotten only
// where another encryption begins.
func (l *Layer) beginOwnIV(c *cryptoki.Call, next func() error) error {
	var iv []byte
	if g, ok := gcm(c); ok && zero(g.IV) {
		var err error
		if iv, err = l.next.GenerateRandom(c.Session, ownIVLength); err != nil {
			return err
		}
		giveIV(c, g, iv)
	}
	if err := next(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ivs == nil || len(l.ivs) >= most {
		l.ivs = map[pkcs11.SessionHandle][]byte{}
	}
	l.ivs[c.Session] = iv
	return nil
}

func giveIV(c *cryptoki.Call, g cryptoki.GCM, iv []byte) {
	c.Mechanism = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, pkcs11.NewGCMParams(iv, g.AAD, int(g.TagBits)))}
}

func zeroIV(_ *Layer, _ *compiled, c *cryptoki.Call, next func() error) error {
	if g, ok := gcm(c); ok && len(g.IV) == 0 {
		giveIV(c, g, make([]byte, 12))
	}
	return next()
}

func labelIgnored(_ *Layer, _ *compiled, c *cryptoki.Call, next func() error) error {
	if o, err := oaep(c); err == nil && len(o.Label) > 0 {
		c.Mechanism = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, pkcs11.NewOAEPParams(o.Hash, o.MGF, pkcs11.CKZ_DATA_SPECIFIED, nil))}
	}
	return next()
}

// making are the functions that make, change or end keys.
var making = []cryptoki.Function{cryptoki.GenerateKey, cryptoki.GenerateKeyPair, cryptoki.CreateObject, cryptoki.CopyObject,
	cryptoki.UnwrapKey, cryptoki.DeriveKey, cryptoki.SetAttributeValue, cryptoki.DestroyObject}

// cryptoUserRole is a CK_USER_TYPE of SafeNet's (chevah/safenet-p11sample cryptoki_v2.h).
const cryptoUserRole = 0x80000001

func cryptoUser(l *Layer, r *compiled, c *cryptoki.Call, next func() error) error {
	slot, in := l.slotOf(c)
	login := c.Function == cryptoki.Login || c.Function == cryptoki.LoginUser
	l.mu.Lock()
	limited := l.limited[slot] && in
	l.mu.Unlock()
	asks := login && c.UserType == cryptoUserRole
	switch {
	case asks:
		c.UserType = pkcs11.CKU_USER
	case limited && !login && c.Function != cryptoki.Logout:
		return r.code
	}
	err := next()
	if err == nil && (login || c.Function == cryptoki.Logout) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.limited == nil {
			l.limited = map[uint]bool{}
		}
		l.limited[slot] = asks
	}
	return err
}

// slotOf is the slot of a call's session, and whether a user is logged in there.
func (l *Layer) slotOf(c *cryptoki.Call) (slot uint, in bool) {
	info, err := l.next.GetSessionInfo(c.Session)
	if err != nil {
		return c.Slot, false
	}
	return info.SlotID, info.State == pkcs11.CKS_RO_USER_FUNCTIONS || info.State == pkcs11.CKS_RW_USER_FUNCTIONS
}

// role is how far the user of a token is from working with it.
type role uint8

const (
	settledRole role = iota
	newRole          // the security officer has given it a PIN
	newLogin         // and it has logged in with it
)

func pinExpires(l *Layer, r *compiled, c *cryptoki.Call, next func() error) error {
	slot, in := l.slotOf(c)
	login := c.Function == cryptoki.Login || c.Function == cryptoki.LoginUser
	l.mu.Lock()
	now := l.roles[slot]
	l.mu.Unlock()
	if now == newLogin && !in && !login {
		now = newRole // its sessions have been closed
	}
	if now == newLogin && c.Function != cryptoki.SetPIN && c.Function != cryptoki.Logout && !login {
		return r.code
	}
	err := next()
	if err != nil {
		return err
	}
	switch {
	case c.Function == cryptoki.InitPIN:
		now = newRole
	case login && c.UserType == pkcs11.CKU_USER && now != settledRole:
		now = newLogin
	case c.Function == cryptoki.Logout && now == newLogin:
		now = newRole
	case c.Function == cryptoki.SetPIN && now == newLogin:
		now = settledRole
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.roles == nil {
		l.roles = map[uint]role{}
	}
	l.roles[slot] = now
	return nil
}

func randomRepeats(l *Layer, _ *compiled, c *cryptoki.Call, next func() error) error {
	if err := next(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.Function == cryptoki.Initialize || l.repeats == nil {
		l.repeats = rand.NewChaCha8([32]byte{1})
	}
	if c.Function == cryptoki.GenerateRandom {
		l.repeats.Read(c.Out)
	}
	return nil
}

// noTemplates says of the attributes that hold templates that there are none such.
func noTemplates(_ *Layer, r *compiled, c *cryptoki.Call, next func() error) error {
	nested := func(typ uint) bool {
		return typ == pkcs11.CKA_WRAP_TEMPLATE || typ == pkcs11.CKA_UNWRAP_TEMPLATE || typ == pkcs11.CKA_DERIVE_TEMPLATE
	}
	for _, a := range c.Template {
		if a != nil && nested(a.Type) {
			return r.code
		}
	}
	if err := next(); !cryptoki.Partial(err) || !slices.ContainsFunc(c.Types, nested) {
		return err
	}
	for i := range c.Values {
		if v := &c.Values[i]; nested(v.Type) {
			*v = cryptoki.AttributeValue{Type: v.Type, Unavailable: true}
		}
	}
	return r.code
}
