package token

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/mechanism"
)

// FuzzCard feeds what may stand in the file of the token itself.
func FuzzCard(f *testing.F) {
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := decodeCard(file)
		if err != nil {
			return
		}
		if again, err := encode(cardMagic, c); err != nil || !bytes.Equal(again, file) {
			t.Errorf("accepted %x, writes %x, %v", file, again, err)
		}
		if c.flags()&pkcs11.CKF_TOKEN_INITIALIZED == 0 || len(c.Label) > maxLabel || c.User.Tries > maxTries {
			t.Errorf("accepted %+v", c)
		}
	})
}

// fuzzedName is the name of every fuzzed object.
const fuzzedName = "000102030405060708090a0b0c0d0e0f-0000000000000001"

// FuzzObjectFile feeds what may stand in the file of an object.
func FuzzObjectFile(f *testing.F) {
	n, _ := parseName(fuzzedName)
	f.Fuzz(func(t *testing.T, file []byte) {
		outside, err := decodeFile(n, file)
		if err != nil {
			return
		}
		if o, err := decodeObject(n, outside, make([]byte, keySize)); err == nil {
			t.Errorf("opened %+v without its key", o)
		}
		if o, err := decodeObject(n, outside, nil); err == nil && o != nil {
			if outside.Private || o.is(fPrivate) {
				t.Error("a private object before the login")
			}
			readAll(o)
		}
	})
}

// FuzzBody feeds what is inside the seal: only a holder of the token key could
// have written it, and it must do no harm all the same.
func FuzzBody(f *testing.F) {
	n, _ := parseName(fuzzedName)
	key := make([]byte, keySize)
	for _, c := range fuzzedCurves {
		curve, err := mechanism.CurveOf(c.keyType, []byte(c.params))
		if err != nil {
			f.Fatal(err)
		}
		pair, err := mechanism.NewCurvePair(curve)
		if err != nil {
			f.Fatal(err)
		}
		for _, o := range []*object{{class: pkcs11.CKO_PUBLIC_KEY, key: pair.PublicHalf()}, {class: pkcs11.CKO_PRIVATE_KEY, key: pair}} {
			o.keyType, o.flags, o.extra = c.keyType, fToken, []attribute{{pkcs11.CKA_EC_PARAMS, []byte(c.params)}}
			content, err1 := encoder.Marshal(bodyOf(o))
			material, err2 := materialOf(o)
			if err1 != nil || err2 != nil {
				f.Fatal(err1, err2)
			}
			f.Add(content, material, false)
		}
	}
	f.Fuzz(func(t *testing.T, content, material []byte, isPrivate bool) {
		o, err := parseBody(n, content, isPrivate)
		if err != nil || o.restore(material) != nil {
			return
		}
		readAll(o)
		file, err := encodeObject(o, make([]byte, epochSize), key)
		if err != nil {
			t.Fatal(err)
		}
		outside, err := decodeFile(n, file)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeObject(n, outside, key)
		if err != nil || !bytes.Equal(readAll(o), readAll(again)) {
			t.Errorf("became another object: %v", err)
		}
	})
}

// readAll reads every attribute of an object.
func readAll(o *object) []byte {
	var all []byte
	for _, r := range rules {
		v, err := o.read(r.typ)
		all = append(append(all, v...), cryptoki.ReturnName(err)...)
	}
	return all
}

// FuzzName feeds names of files.
func FuzzName(f *testing.F) {
	f.Add(fuzzedName)
	f.Add("token")
	f.Add(fuzzedName[:32] + "-1")
	f.Fuzz(func(t *testing.T, file string) {
		if n, ok := parseName(file); ok && (n.file() != file || len(file) != 2*idSize+1+16) {
			t.Errorf("%q passes for %q", file, n.file())
		}
	})
}

// FuzzTemplate feeds templates to every way of making an object. What comes into
// being follows the rules that no template may bend.
func FuzzTemplate(f *testing.F) {
	f.Fuzz(func(t *testing.T, encoded []byte, way uint8) {
		var p runtime.Pinner
		defer p.Unpin()
		from := []origin{created, generated, unwrapped, derived}[way%4]
		d, err := newDraft(from, anyClass, anyClass, templateFrom(encoded, &p))
		if err != nil {
			return
		}
		if from == created && d.material() != nil {
			return
		}
		if d.ancestry(from, 0, &object{}) != nil {
			return
		}
		o, err := d.finish()
		if err != nil {
			return
		}
		readAll(o)
		switch {
		case o.is(fAlwaysSensitive) && !o.is(fSensitive), o.is(fNeverExtractable) && o.is(fExtractable):
			t.Errorf("a history that cannot be: %#x", o.flags)
		case from != generated && (o.is(fAlwaysSensitive) || o.is(fNeverExtractable) || o.is(fLocal)):
			t.Errorf("a history that is not its own: %#x", o.flags)
		case o.is(fWrap | fDecrypt), o.is(fUnwrap | fEncrypt):
			t.Errorf("usages that conflict: %#x", o.flags)
		}
	})
}

// templateFrom reads attributes as type (two bytes of CKA_, one of its place in
// rules), length, value. The value of a template inside it is read the same way,
// since C, too, can only trust pointers.
func templateFrom(in []byte, p *runtime.Pinner) []*pkcs11.Attribute {
	var out []*pkcs11.Attribute
	for len(in) >= 4 {
		typ := uint(in[0])<<8 | uint(in[1])
		if in[2] > 0 {
			typ = rules[int(in[2])%len(rules)].typ
		}
		n := min(int(in[3]), len(in)-4)
		value := in[4 : 4+n]
		in = in[4+n:]
		switch typ {
		case pkcs11.CKA_WRAP_TEMPLATE, pkcs11.CKA_UNWRAP_TEMPLATE, pkcs11.CKA_DERIVE_TEMPLATE:
			value = cryptoki.PinTemplate(p, leaves(templateFrom(value, p)))
		}
		out = append(out, &pkcs11.Attribute{Type: typ, Value: value})
	}
	return out
}

// leaves are the attributes whose value is no template.
func leaves(template []*pkcs11.Attribute) []*pkcs11.Attribute {
	var out []*pkcs11.Attribute
	for _, a := range template {
		switch a.Type {
		case pkcs11.CKA_WRAP_TEMPLATE, pkcs11.CKA_UNWRAP_TEMPLATE, pkcs11.CKA_DERIVE_TEMPLATE:
		default:
			out = append(out, a)
		}
	}
	return out
}

// The seeds in testdata are accepted: a seed that fails at the first byte, since
// a format has changed, would lead nowhere.
func TestSeedsAreAccepted(t *testing.T) {
	n, _ := parseName(fuzzedName)
	for pattern, accept := range map[string]func(seed []byte) error{
		"FuzzCard/with*":   func(seed []byte) error { _, err := decodeCard(seed); return err },
		"FuzzObjectFile/*": func(seed []byte) error { _, err := decodeFile(n, seed); return err },
		"FuzzBody/private": func(seed []byte) error { _, err := parseBody(n, seed, true); return err },
		"FuzzBody/public*": func(seed []byte) error { _, err := parseBody(n, seed, false); return err },
	} {
		files, err := filepath.Glob(filepath.Join("testdata/fuzz", pattern))
		if err != nil || len(files) == 0 {
			t.Errorf("%s: no seeds, %v", pattern, err)
		}
		for _, file := range files {
			if err := accept(firstValue(t, file)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}

// firstValue is the first value in a file of seeds.
func firstValue(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Split(string(content), "\n")[1]
	v, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(line, "[]byte("), ")"))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return []byte(v)
}
