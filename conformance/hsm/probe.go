package hsm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// probe tries one thing on a token, and says what it saw: a return value, or a few words.
type probe struct {
	args int // how many words follow its name
	run  func(b *bench, args []string) string
}

// probes by name. What a rule or a claim names is one of these, with its arguments behind:
// "wrap CKM_AES_CBC_PAD".
var probes map[string]probe

// here and not above, since some probes use others
func init() {
	probes = map[string]probe{
		"library":            {0, library},
		"slot":               {0, slotInfo},
		"token":              {0, tokenInfo},
		"pin-lengths":        {0, pinLengths},
		"can":                {1, canDo},
		"sizes":              {1, sizes},
		"absent":             {1, absent},
		"newer":              {1, newer},
		"oaep-decrypt-label": {0, oaepDecryptLabel},
		"login-as":           {1, loginAs},
		"sessions":           {1, manySessions},
		"serial-flag":        {0, serialFlag},
		"random-again":       {0, randomAgain},
		"new-pin":            {0, newPIN},
		"init-token":         {0, initToken},
		"generate":           {1, generate},
		"generated":          {0, generated},
		"unwrapped":          {0, unwrapped},
		"derived":            {0, derived},
		"create-secret":      {0, createSecret},
		"set":                {1, set},
		"attribute-size":     {1, attributeSize},
		"wrap":               {2, wrap},
		"unwrap":             {1, unwrap},
		"unwrap-length":      {1, unwrapLength},
		"unwrapped-length":   {0, unwrappedLength},
		"unwrap-tampered":    {0, unwrapTampered},
		"decrypt-tampered":   {0, decryptTampered},
		"hmac":               {2, hmacKey},
		"rsa":                {2, rsaStart},
		"oaep":               {1, oaepStart},
		"gcm-iv":             {1, gcmIV},
		"ecdsa-zero":         {1, ecdsaZero},
		"read-sensitive":     {0, readSensitive},
		"read-unextractable": {0, readUnextractable},
		"wrap-unextractable": {0, wrapUnextractable},
		"weaken":             {1, weaken},
		"weaken-copy":        {1, weakenCopy},
		"fixed":              {1, fixed},
		"unwrap-template":    {0, unwrapTemplate},
		"untrusted-wrap":     {0, untrustedWrap},
		"check-value":        {0, checkValue},
		"after-logout":       {0, afterLogout},
		"derive-readable":    {0, deriveReadable},
	}
}

// Probe runs the probe that spec names on a token of which it may do what it likes. The
// error is of a probe that there is not, or of a token that cannot be used at all.
func Probe(slot conformance.Slot, spec string) (string, error) {
	words := strings.Fields(spec)
	if len(words) == 0 || probes[words[0]].run == nil || probes[words[0]].args != len(words)-1 {
		return "", fmt.Errorf("no probe %q", spec)
	}
	b, err := open(slot)
	if err != nil {
		return "", err
	}
	defer b.close()
	return probes[words[0]].run(b, words[1:]), nil
}

// bench is a session in which probes are run.
type bench struct {
	cryptoki.Extended
	slot conformance.Slot
	sh   pkcs11.SessionHandle
}

const readWrite = pkcs11.CKF_SERIAL_SESSION | pkcs11.CKF_RW_SESSION

func open(slot conformance.Slot) (*bench, error) {
	b := &bench{Extended: cryptoki.Extend(slot.Module), slot: slot}
	return b, b.login()
}

func (b *bench) login() (err error) {
	if b.sh, err = b.OpenSession(b.slot.ID, readWrite); err != nil {
		return fmt.Errorf("C_OpenSession: %w", err)
	}
	err = b.Login(b.sh, pkcs11.CKU_USER, b.slot.PIN)
	if code(err) == "CKR_USER_ALREADY_LOGGED_IN" {
		return nil
	}
	if err != nil {
		return fmt.Errorf("C_Login: %w", err)
	}
	return nil
}

func (b *bench) close() { b.CloseSession(b.sh) }

// code names a return value.
func code(err error) string { return cryptoki.ReturnName(err) }

// template gives session objects unless it says otherwise.
func template(attributes ...*pkcs11.Attribute) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{attr(pkcs11.CKA_TOKEN, false), attr(pkcs11.CKA_PRIVATE, true)}, attributes...)
}

func attr(typ uint, value any) *pkcs11.Attribute { return pkcs11.NewAttribute(typ, value) }

func mech(m uint, parameter any) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, parameter)}
}

// aes makes a key. Its attributes may stand in usages instead of these.
func (b *bench) aes(usages ...uint) (pkcs11.ObjectHandle, error) {
	t := template(attr(pkcs11.CKA_VALUE_LEN, 32), attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, false))
	for _, u := range allUsages {
		if slices.Contains(usages, u) {
			t = append(t, attr(u, true))
		} else {
			t = append(t, attr(u, false))
		}
	}
	return b.GenerateKey(b.sh, mech(pkcs11.CKM_AES_KEY_GEN, nil), t)
}

var allUsages = []uint{pkcs11.CKA_ENCRYPT, pkcs11.CKA_DECRYPT, pkcs11.CKA_SIGN, pkcs11.CKA_VERIFY, pkcs11.CKA_WRAP, pkcs11.CKA_UNWRAP, pkcs11.CKA_DERIVE}

// flags reads booleans: "SENSITIVE=1 EXTRACTABLE=0". One that cannot be read is a "?".
func (b *bench) flags(o pkcs11.ObjectHandle, types ...uint) string {
	var out []string
	for _, typ := range types {
		value := "?"
		if got, err := b.GetAttributeValue(b.sh, o, []*pkcs11.Attribute{{Type: typ}}); err == nil && len(got[0].Value) == 1 {
			value = fmt.Sprint(got[0].Value[0])
		}
		out = append(out, strings.TrimPrefix(cryptoki.AttributeName(typ), "CKA_")+"="+value)
	}
	return strings.Join(out, " ")
}

// failed says which step of a probe did not work: it was not what the probe is about.
func failed(step string, err error) string { return step + ": " + code(err) }

func named(find func(string) (uint, bool), name string) uint {
	if n, ok := find(name); ok {
		return n
	}
	n, err := strconv.ParseUint(name, 0, 32)
	if err != nil {
		return pkcs11.CK_UNAVAILABLE_INFORMATION
	}
	return uint(n)
}
