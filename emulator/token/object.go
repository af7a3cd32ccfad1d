package token

import (
	"bytes"
	"crypto/x509"
	"encoding/binary"
	"math/big"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// object is one object as it stands. It never changes: a new state is a new
// object under the same handle, so that an operation keeps what it began with.
type object struct {
	handle uint
	slot   *slot
	owner  *session // whose end is the object's; nil for a token object
	name   name     // of a token object in storage

	unchecked bool // read before a login: anybody may have changed what stands in clear

	class   uint // CKO_
	keyType uint // CKK_
	flags   flags
	ever    flags // usages that this key, or the key it was copied from, has had
	keyGen  uint  // mechanism that made it
	extra   []attribute
	policy  *policy
	key     *mechanism.Key // nil where there is none, and for a key whose value is still sealed
}

// attribute is a value kept as it was given.
type attribute struct {
	typ   uint
	value []byte
}

// policy is what few keys have.
type policy struct {
	wrap, unwrap, derive []attribute // templates
	allowed              []uint      // mechanisms
}

func (o *object) is(f flags) bool { return o.flags&f == f }

func (o *object) kind() classes { return classOf(o.class) }

// text is an attribute kept as given; one never given is empty.
func (o *object) text(typ uint) []byte {
	for i := range o.extra {
		if o.extra[i].typ == typ {
			return o.extra[i].value
		}
	}
	return []byte{}
}

// read gives the value of an attribute as C_GetAttributeValue would.
func (o *object) read(typ uint) ([]byte, error) {
	r, _, ok := o.rule(typ)
	if !ok {
		return nil, rv(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID)
	}
	switch {
	case r.secret && (o.is(fSensitive) || !o.is(fExtractable) || o.key == nil):
		return nil, rv(pkcs11.CKR_ATTRIBUTE_SENSITIVE)
	case r.flag != 0:
		return boolBytes(o.is(r.flag)), nil
	case r.get != nil:
		return r.get(o), nil
	}
	return bytes.Clone(o.text(typ)), nil
}

// matches tells whether every attribute has the value wanted. A value that may
// not be read never matches: a search must not become an oracle for it.
func (o *object) matches(want []attribute) bool {
	for _, w := range want {
		got, err := o.read(w.typ)
		if err != nil || !bytes.Equal(got, w.value) {
			return false
		}
	}
	return true
}

// size is a figure for C_GetObjectSize: the bytes of all attributes.
func (o *object) size() uint {
	n := uint(0)
	for i, r := range rules {
		if _, mine, ok := o.rule(r.typ); !ok || mine != i {
			continue
		}
		v, _ := o.read(r.typ)
		n += ulong + uint(len(v))
	}
	return n
}

func boolBytes(b bool) []byte {
	if b {
		return []byte{1}
	}
	return []byte{0}
}

func ulongBytes(v uint) []byte { return binary.NativeEndian.AppendUint64(nil, uint64(v)) }

func ulongOf(v []byte) uint { return uint(binary.NativeEndian.Uint64(v)) }

func getClass(o *object) []byte   { return ulongBytes(o.class) }
func getKeyType(o *object) []byte { return ulongBytes(o.keyType) }
func getKeyGen(o *object) []byte  { return ulongBytes(o.keyGen) }

func getAllowed(o *object) []byte {
	var out []byte
	if o.policy != nil {
		for _, m := range o.policy.allowed {
			out = append(out, ulongBytes(m)...)
		}
	}
	return out
}

func getWrap(o *object) []byte   { return o.template(func(p *policy) []attribute { return p.wrap }) }
func getUnwrap(o *object) []byte { return o.template(func(p *policy) []attribute { return p.unwrap }) }
func getDerive(o *object) []byte { return o.template(func(p *policy) []attribute { return p.derive }) }

// template gives types and lengths, and no pointers: what C gives a caller who
// brought no room for the inner values.
func (o *object) template(pick func(*policy) []attribute) []byte {
	var out []byte
	if o.policy != nil {
		for _, a := range pick(o.policy) {
			out = append(out, ulongBytes(a.typ)...)
			out = append(out, ulongBytes(0)...)
			out = append(out, ulongBytes(uint(len(a.value)))...)
		}
	}
	return out
}

func getCheckValue(o *object) []byte {
	if o.is(fNoCheckValue) || o.key == nil {
		return []byte{}
	}
	return mechanism.CheckValue(o.keyType, o.key)
}

func getValue(o *object) []byte { return bytes.Clone(o.key.Value()) }

func getLength(o *object) []byte {
	if o.key == nil {
		return ulongBytes(0)
	}
	return ulongBytes(uint(len(o.key.Value())))
}

func getModulus(o *object) []byte {
	return o.publicPart(func(k *mechanism.Key) []byte { return k.Public().N.Bytes() })
}

func getExponent(o *object) []byte {
	return o.publicPart(func(k *mechanism.Key) []byte { return big.NewInt(int64(k.Public().E)).Bytes() })
}

func getModulusBits(o *object) []byte {
	return o.publicPart(func(k *mechanism.Key) []byte { return ulongBytes(uint(k.Size())) })
}

func getPublicKeyInfo(o *object) []byte {
	return o.publicPart(func(k *mechanism.Key) []byte {
		der, err := x509.MarshalPKIXPublicKey(k.PublicKey())
		if err != nil {
			return nil // a key that was checked always marshals
		}
		return der
	})
}

func (o *object) publicPart(part func(*mechanism.Key) []byte) []byte {
	if o.key == nil {
		return []byte{}
	}
	return part(o.key)
}

func getD(o *object) []byte  { return o.key.Private().D.Bytes() }
func getP(o *object) []byte  { return o.key.Private().Primes[0].Bytes() }
func getQ(o *object) []byte  { return o.key.Private().Primes[1].Bytes() }
func getDP(o *object) []byte { return o.key.Private().Precomputed.Dp.Bytes() }
func getDQ(o *object) []byte { return o.key.Private().Precomputed.Dq.Bytes() }
func getQInv(o *object) []byte {
	return o.key.Private().Precomputed.Qinv.Bytes()
}

// allows tells whether CKA_ALLOWED_MECHANISMS, where it is set, has m.
func (o *object) allows(m uint) bool {
	return o.policy == nil || len(o.policy.allowed) == 0 || slices.Contains(o.policy.allowed, m)
}
