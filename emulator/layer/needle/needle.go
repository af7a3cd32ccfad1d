// Package needle collects the clear values of keys that pass between a program and its
// token, so that a hunt can look for them where they must not be: in memory, in logs, in
// a database.
//
// Start at New. A token that offers Knower tells the value of every key that it makes; of
// any other module only what passes by in clear is had: the values that a program brings
// with C_CreateObject or reads with C_GetAttributeValue, and what it decrypts.
package needle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Knower is a token that tells what its keys are, sensitive ones too. No HSM is one.
type Knower interface {
	// UnsafeValue gives a copy of what is secret of a secret or private key, nil for any other
	// object.
	UnsafeValue(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle) []byte
}

// Needle is a clear value. It shows itself by its digest alone; Clear it after the hunt.
type Needle struct {
	From  string // the function that it passed through: "C_UnwrapKey"
	Key   uint   // the handle of the key that it is of; 0 for what was decrypted
	Label string // CKA_LABEL of the template that made the key; not told by a control socket
	value []byte
}

// Of makes a Needle of a value, and takes it over.
func Of(from string, key uint, value []byte) Needle {
	return Needle{From: from, Key: key, value: value}
}

// Value is the clear value itself, of which the Needle stays the owner.
func (n Needle) Value() []byte { return n.value }

// Clear overwrites the value.
func (n Needle) Clear() { clear(n.value) }

// Digest names the value: the first 8 bytes of its SHA-256 in hex. It is a name among
// random keys; of a value that can be guessed it tells whether the guess is right.
func (n Needle) Digest() string {
	sum := sha256.Sum256(n.value)
	return hex.EncodeToString(sum[:8])
}

// String shows everything but the value.
func (n Needle) String() string {
	return fmt.Sprintf("needle %s of %d bytes, key %d by %s", n.Digest(), len(n.value), n.Key, n.From)
}

// Format keeps every verb from the value.
func (n Needle) Format(s fmt.State, _ rune) { fmt.Fprint(s, n.String()) }

// MarshalText is what JSON and the like get.
func (n Needle) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// LogValue is what slog gets.
func (n Needle) LogValue() slog.Value { return slog.StringValue(n.String()) }

// Shortest is the length of the shortest value that is kept, in bytes: a shorter one is
// found everywhere.
const Shortest = 8

// New gives sink a Needle for each clear value that passes, after the call, on its
// goroutine. A value may come more than once.
func New(next cryptoki.Module, sink func(Needle)) cryptoki.Extended {
	l := &layer{sink: sink}
	l.knower, _ = next.(Knower)
	return cryptoki.Around(next, l.call)
}

type layer struct {
	knower Knower // nil for a module that is none
	sink   func(Needle)
}

func (l *layer) call(c *cryptoki.Call) error {
	err := c.Next()
	look := looksAt[c.Function]
	if look == nil || err != nil && !cryptoki.Partial(err) {
		return err
	}
	look(l, c)
	return err
}

// looks says where a clear value may be in which call.
var looks = map[string]func(*layer, *cryptoki.Call){
	"C_CreateObject":      (*layer).created,
	"C_CopyObject":        (*layer).made,
	"C_GenerateKey":       (*layer).made,
	"C_GenerateKeyPair":   (*layer).paired,
	"C_UnwrapKey":         (*layer).made,
	"C_DeriveKey":         (*layer).made,
	"C_GetAttributeValue": (*layer).read,
	"C_Decrypt":           (*layer).decrypted,
}

// looksAt is looks by number. Two numbers have the name of C_GetAttributeValue.
var looksAt = func() (at [256]func(*layer, *cryptoki.Call)) {
	for f := range at {
		if known := cryptoki.Function(f); known.Known() {
			at[f] = looks[known.String()]
		}
	}
	return at
}()

// Functions are those that a Needle may come From, in order.
func Functions() []string { return slices.Sorted(maps.Keys(looks)) }

func (l *layer) created(c *cryptoki.Call) {
	if l.knower != nil {
		l.made(c)
		return
	}
	for _, a := range c.Template {
		if a != nil && a.Type == pkcs11.CKA_VALUE {
			l.keep(c, c.Made, "", bytes.Clone(a.Value))
		}
	}
}

func (l *layer) made(c *cryptoki.Call) { l.know(c, c.Made, c.Template) }

// paired is of the private half.
func (l *layer) paired(c *cryptoki.Call) { l.know(c, c.Made2, c.Template2) }

func (l *layer) know(c *cryptoki.Call, key pkcs11.ObjectHandle, template []*pkcs11.Attribute) {
	if l.knower == nil {
		return
	}
	label := ""
	for _, a := range template {
		if a != nil && a.Type == pkcs11.CKA_LABEL {
			label = string(a.Value)
		}
	}
	l.keep(c, key, label, l.knower.UnsafeValue(c.Session, key))
}

func (l *layer) read(c *cryptoki.Call) {
	for _, a := range c.Attributes {
		if a != nil && a.Type == pkcs11.CKA_VALUE {
			l.keep(c, c.Object, "", bytes.Clone(a.Value))
		}
	}
	for _, v := range c.Values {
		if v.Type == pkcs11.CKA_VALUE && !v.Unavailable {
			l.keep(c, c.Object, "", bytes.Clone(v.Value))
		}
	}
}

func (l *layer) decrypted(c *cryptoki.Call) { l.keep(c, 0, "", bytes.Clone(c.Out)) }

func (l *layer) keep(c *cryptoki.Call, key pkcs11.ObjectHandle, label string, value []byte) {
	if len(value) >= Shortest {
		l.sink(Needle{From: c.Function.String(), Key: uint(key), Label: label, value: value})
	}
}
