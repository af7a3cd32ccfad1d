package token

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

const (
	objectMagic = "epsbench object 1\n"
	idSize      = 16
)

// name is how an object is called in storage. A changed object is a new file
// with the next version, so that a file never changes; the highest version of
// an id counts.
type name struct {
	id      [idSize]byte
	version uint64
}

func newName() name {
	n := name{version: 1}
	copy(n.id[:], randomBytes(idSize))
	return n
}

func (n name) next() name { return name{n.id, n.version + 1} }

func (n name) file() string { return fmt.Sprintf("%x-%016x", n.id, n.version) }

func parseName(file string) (name, bool) {
	id, version, ok := strings.Cut(file, "-")
	raw, err := hex.DecodeString(id)
	if !ok || err != nil || len(raw) != idSize {
		return name{}, false
	}
	v, err := strconv.ParseUint(version, 16, 64)
	n := name{[idSize]byte(raw), v}
	return n, err == nil && n.file() == file
}

// objectFile is one object in storage. A private object is sealed whole; of a
// public one the attributes stand in clear, bound to the sealed value.
type objectFile struct {
	_       struct{} `cbor:",toarray"`
	Epoch   []byte
	ID      []byte
	Version uint64
	Private bool
	Public  []byte // body, empty when private
	Secret  sealed // of secretPart
}

type secretPart struct {
	_        struct{} `cbor:",toarray"`
	Body     []byte   // body, empty when public
	Material []byte   // value of a secret key, PKCS #8, or nothing
}

// body is everything but the material of a key.
type body struct {
	_                    struct{} `cbor:",toarray"`
	Class, KeyType       uint
	Flags, Ever          uint32
	KeyGen               uint
	N, E                 []byte // of a public key: an elliptic one has its point as N
	Extra                []storedAttribute
	Wrap, Unwrap, Derive []storedAttribute
	Allowed              []uint
}

type storedAttribute struct {
	_     struct{} `cbor:",toarray"`
	Type  uint
	Value []byte
}

// bound is everything that stands in clear.
func (f *objectFile) bound() ([]byte, error) {
	return encode(objectMagic, []any{f.Epoch, f.ID, f.Version, f.Private, f.Public})
}

func encodeObject(o *object, epoch, key []byte) ([]byte, error) {
	clear, err := encoder.Marshal(bodyOf(o))
	if err != nil {
		return nil, err
	}
	f := objectFile{Epoch: epoch, ID: o.name.id[:], Version: o.name.version, Private: o.is(fPrivate)}
	var hide secretPart
	if f.Private {
		hide.Body = clear
	} else {
		f.Public = clear
	}
	if hide.Material, err = materialOf(o); err != nil {
		return nil, err
	}
	plain, err := encoder.Marshal(hide)
	if err != nil {
		return nil, err
	}
	bound, err := f.bound()
	if err != nil {
		return nil, err
	}
	if f.Secret, err = seal(key, plain, bound); err != nil {
		return nil, err
	}
	return encode(objectMagic, f)
}

// decodeFile reads the outside of a file and checks it against its name.
func decodeFile(n name, file []byte) (*objectFile, error) {
	f := new(objectFile)
	if err := decode(objectMagic, file, f); err != nil {
		return nil, err
	}
	if string(f.ID) != string(n.id[:]) || f.Version != n.version || len(f.Epoch) != epochSize {
		return nil, errors.New("another object's content under this name")
	}
	if f.Private != (len(f.Public) == 0) {
		return nil, errors.New("neither private nor public")
	}
	return f, nil
}

// decodeObject reads an object. Without the key a public one has no value yet,
// and a private one is nil.
func decodeObject(n name, f *objectFile, key []byte) (*object, error) {
	if key == nil && f.Private {
		return nil, nil
	}
	if key == nil {
		o, err := parseBody(n, f.Public, false)
		if o != nil {
			o.unchecked = true
		}
		return o, err
	}
	bound, err := f.bound()
	if err != nil {
		return nil, err
	}
	plain, err := f.Secret.open(key, bound)
	if err != nil {
		return nil, err
	}
	var hidden secretPart
	if err := decode("", plain, &hidden); err != nil {
		return nil, err
	}
	content := f.Public
	if f.Private {
		content = hidden.Body
	}
	o, err := parseBody(n, content, f.Private)
	if err != nil {
		return nil, err
	}
	return o, o.restore(hidden.Material)
}

func parseBody(n name, content []byte, isPrivate bool) (*object, error) {
	var b body
	if err := decode("", content, &b); err != nil {
		return nil, err
	}
	o := &object{name: n, class: b.Class, keyType: b.KeyType, flags: flags(b.Flags), ever: flags(b.Ever), keyGen: b.KeyGen}
	o.ever |= o.flags & fUsage // one that conflicts, of an earlier version, keeps what it has
	switch {
	case o.kind() == 0, o.flags&^allFlags != 0, o.ever&^fUsage != 0:
		return nil, errors.New("object: no class or flags of this token")
	case !o.is(fToken), o.is(fPrivate) != isPrivate:
		return nil, errors.New("object: flags that cannot be together")
	}
	if err := o.restoreAttributes(&b); err != nil {
		return nil, err
	}
	if o.kind() == public {
		if err := o.restorePublic(&b); err != nil {
			return nil, fmt.Errorf("object: public key: %w", err)
		}
	}
	return o, nil
}

func (o *object) restorePublic(b *body) (err error) {
	switch c := o.storedCurve(); {
	case typeOf(public, o.keyType) == ofRSA:
		o.key, err = mechanism.NewRSAPublic(mechanism.RSA{N: b.N, E: b.E})
	case c == nil:
		err = errors.New("no curve of this token")
	default:
		o.key, err = mechanism.NewCurvePublic(c, b.N)
	}
	return err
}

func (o *object) restoreAttributes(b *body) error {
	for _, a := range b.Extra {
		r, _, ok := o.rule(a.Type)
		if !ok || r.flag != 0 || r.get != nil || !r.kind.fits(a.Value) {
			return fmt.Errorf("object: attribute %#x cannot be here", a.Type)
		}
		o.extra = append(o.extra, attribute{a.Type, a.Value})
	}
	p := policy{restoreTemplate(b.Wrap), restoreTemplate(b.Unwrap), restoreTemplate(b.Derive), b.Allowed}
	for _, t := range [][]attribute{p.wrap, p.unwrap, p.derive} {
		for _, a := range t {
			if !nestable(&pkcs11.Attribute{Type: a.typ, Value: a.value}) {
				return fmt.Errorf("object: attribute %#x cannot be in a template", a.typ)
			}
		}
	}
	if p.wrap != nil || p.unwrap != nil || p.derive != nil || p.allowed != nil {
		o.policy = &p
	}
	return nil
}

func restoreTemplate(stored []storedAttribute) []attribute {
	var out []attribute
	for _, a := range stored {
		out = append(out, attribute{a.Type, a.Value})
	}
	return out
}

// restore puts the key back behind its object.
func (o *object) restore(material []byte) error {
	var err error
	switch o.kind() {
	case secret:
		if fits, ok := mechanism.SecretLength(o.keyType, len(material)); !ok || !fits {
			return errors.New("object: no value of its key type")
		}
		o.key = mechanism.NewSecret(material)
	case private:
		o.key, err = mechanism.ParsePrivate(o.keyType, material)
		if err == nil && typeOf(private, o.keyType) != ofRSA && !o.onItsCurve() {
			err = errors.New("object: a key of another curve")
		}
	default:
		if len(material) != 0 {
			return errors.New("object: a value where none belongs")
		}
	}
	return err
}

func bodyOf(o *object) body {
	b := body{Class: o.class, KeyType: o.keyType, Flags: uint32(o.flags), Ever: uint32(o.ever), KeyGen: o.keyGen}
	b.Extra = storeTemplate(o.extra)
	if o.policy != nil {
		b.Wrap, b.Unwrap, b.Derive = storeTemplate(o.policy.wrap), storeTemplate(o.policy.unwrap), storeTemplate(o.policy.derive)
		b.Allowed = o.policy.allowed
	}
	switch {
	case o.kind() != public:
	case o.key.Curve() != nil:
		b.N = o.key.Point()
	default:
		b.N, b.E = getModulus(o), getExponent(o)
	}
	return b
}

func storeTemplate(attributes []attribute) []storedAttribute {
	var out []storedAttribute
	for _, a := range attributes {
		out = append(out, storedAttribute{Type: a.typ, Value: a.value})
	}
	return out
}

func materialOf(o *object) ([]byte, error) {
	switch o.kind() {
	case secret:
		return o.key.Value(), nil
	case private:
		return mechanism.MarshalPrivate(o.key)
	}
	return nil, nil
}
