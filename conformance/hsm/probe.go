package hsm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// ErrNotOwn: the probe is not for a token that somebody else has made.
var ErrNotOwn = errors.New("the probe touches PINs or the token itself, and is for tokens that the bench has made")

// Probe runs the probe that spec names. On a token whose SOPIN is not known, so one that
// somebody else has made, it makes session objects and nothing else: what would do more is
// ErrNotOwn. Other errors are those of Check, or of a token that cannot be used.
func Probe(slot conformance.Slot, spec string) (string, error) {
	if err := Check(spec); err != nil {
		return "", err
	}
	words := strings.Fields(spec)
	p, _ := find(words[0])
	if p.own && slot.SOPIN == "" {
		return "", fmt.Errorf("%s: %w", spec, ErrNotOwn)
	}
	b, err := open(slot)
	if err != nil {
		return "", err
	}
	defer b.close()
	return p.run(b, words[1:]), nil
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
func code(err error) string {
	if errors.Is(err, errNothing) {
		return errNothing.Error()
	}
	return cryptoki.ReturnName(err)
}

// template gives session objects unless it says otherwise.
func template(attributes ...*pkcs11.Attribute) []*pkcs11.Attribute {
	return append([]*pkcs11.Attribute{attr(pkcs11.CKA_TOKEN, false), attr(pkcs11.CKA_PRIVATE, true)}, attributes...)
}

func attr(typ uint, value any) *pkcs11.Attribute { return pkcs11.NewAttribute(typ, value) }

func mech(m uint, parameter any) []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(m, parameter)}
}

// aes makes a sensitive key that stays, with these usages and no others.
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

// errNothing is of a module that says CKR_OK and gives nothing.
var errNothing = errors.New("CKR_OK, and nothing")

// read gives an attribute.
func (b *bench) read(o pkcs11.ObjectHandle, typ uint) ([]byte, error) {
	got, err := b.GetAttributeValue(b.sh, o, []*pkcs11.Attribute{{Type: typ}})
	if err != nil {
		return nil, err
	}
	if len(got) != 1 || got[0] == nil {
		return nil, errNothing
	}
	return got[0].Value, nil
}

// flags reads booleans: "SENSITIVE=1 EXTRACTABLE=0". One that cannot be read is a "?".
func (b *bench) flags(o pkcs11.ObjectHandle, types ...uint) string {
	var out []string
	for _, typ := range types {
		value := "?"
		if got, err := b.read(o, typ); err == nil && len(got) == 1 {
			value = fmt.Sprint(got[0])
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
