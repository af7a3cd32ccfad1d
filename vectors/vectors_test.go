package vectors_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/epsbench/epsbench/vectors"
)

// Every value is recomputed here from nothing but Go's own cryptography.

func TestFilesFollowTheSchema(t *testing.T) {
	schema := jsonschema.NewCompiler().MustCompile("schema.json")
	names, err := filepath.Glob("rfc*.json")
	if err != nil || len(names) != 7 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(f)
		f.Close()
		if err == nil {
			err = schema.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The schema is worth something: it refuses what is not described.
func TestSchemaRefuses(t *testing.T) {
	schema := jsonschema.NewCompiler().MustCompile("schema.json")
	for name, change := range map[string]func(file, vector map[string]any){
		"a field more":        func(f, v map[string]any) { f["comment"] = "x" },
		"a vector field more": func(f, v map[string]any) { v["comment"] = "x" },
		"a field less":        func(f, v map[string]any) { delete(v, "otp") },
		"capital hex":         func(f, v map[string]any) { v["secret"] = "AB" },
		"another kind":        func(f, v map[string]any) { f["kind"] = "totp" },
		"no provenance":       func(f, v map[string]any) { delete(f, "provenance") },
	} {
		file, err := os.Open("rfc4226.json")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(file)
		file.Close()
		if err != nil {
			t.Fatal(err)
		}
		f := doc.(map[string]any)
		change(f, f["vectors"].([]any)[0].(map[string]any))
		if schema.Validate(f) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestIDsAreUnique(t *testing.T) {
	var ids []string
	for _, v := range vectors.RFC4226() {
		ids = append(ids, v.ID)
	}
	for _, v := range vectors.RFC6238() {
		ids = append(ids, v.ID)
	}
	for _, v := range vectors.RFC6287() {
		ids = append(ids, v.ID)
	}
	for _, v := range append(vectors.RFC3394(), vectors.RFC5649()...) {
		ids = append(ids, v.ID)
	}
	for _, v := range append(vectors.RFC6070(), vectors.RFC7914()...) {
		ids = append(ids, v.ID)
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			t.Errorf("%s twice", id)
		}
		seen[id] = true
	}
	if len(ids) != 10+18+70+6+2+6+2 {
		t.Errorf("%d vectors", len(ids))
	}
}

// truncate is RFC 4226 §5.3, with the offset from the last byte.
func truncate(mac []byte, digits int) string {
	offset := mac[len(mac)-1] & 0xf
	n, mod := binary.BigEndian.Uint32(mac[offset:])&0x7fffffff, uint32(1)
	for range digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%mod)
}

func mac(hash vectors.Hash, key []byte, moving uint64) []byte {
	m := hmac.New(crypto.Hash(hash).New, key)
	m.Write(binary.BigEndian.AppendUint64(nil, moving))
	return m.Sum(nil)
}

func TestRFC4226(t *testing.T) {
	for i, v := range vectors.RFC4226() {
		m := mac(v.Hash, v.Secret, v.Counter)
		if !bytes.Equal(m, v.MAC) || truncate(m, v.Digits) != v.OTP || v.Counter != uint64(i) {
			t.Errorf("%s: %x, %s", v.ID, m, truncate(m, v.Digits))
		}
	}
}

func TestRFC6238(t *testing.T) {
	for _, v := range vectors.RFC6238() {
		if v.Moving != uint64(v.Time/v.Step) {
			t.Errorf("%s: step %d, the time says %d", v.ID, v.Moving, v.Time/v.Step)
		}
		if got := truncate(mac(v.Hash, v.Secret, v.Moving), v.Digits); got != v.OTP {
			t.Errorf("%s: %s, want %s", v.ID, got, v.OTP)
		}
	}
}

// Erratum 2866: with the one secret that the text names, 6 of 18 come out.
func TestRFC6238SecretOfTheText(t *testing.T) {
	right := 0
	for _, v := range vectors.RFC6238() {
		if truncate(mac(v.Hash, v.Secret[:20], v.Moving), v.Digits) == v.OTP {
			right++
		}
	}
	if right != 6 {
		t.Errorf("%d of 18", right)
	}
}

// wrap is RFC 3394 §2.2.1 in its index-based form, with a as the initial value.
func wrap(kek []byte, a [8]byte, key []byte) []byte {
	block, err := aes.NewCipher(kek)
	if err != nil {
		panic(err)
	}
	n, out := len(key)/8, append(a[:], key...)
	if n == 1 { // RFC 5649 §4.1: a single block
		block.Encrypt(out, out)
		return out
	}
	var b [16]byte
	for t := 1; t <= 6*n; t++ {
		r := out[8*((t-1)%n+1):][:8]
		copy(b[:8], out[:8])
		copy(b[8:], r)
		block.Encrypt(b[:], b[:])
		binary.BigEndian.PutUint64(out, binary.BigEndian.Uint64(b[:8])^uint64(t))
		copy(r, b[8:])
	}
	return out
}

func TestRFC3394(t *testing.T) {
	iv := [8]byte(bytes.Repeat([]byte{0xa6}, 8))
	for _, v := range vectors.RFC3394() {
		if got := wrap(v.KEK, iv, v.Key); !bytes.Equal(got, v.Wrapped) {
			t.Errorf("%s: %x", v.ID, got)
		}
	}
}

func TestRFC5649(t *testing.T) {
	for _, v := range vectors.RFC5649() {
		iv := [8]byte{0xa6, 0x59, 0x59, 0xa6}
		binary.BigEndian.PutUint32(iv[4:], uint32(len(v.Key)))
		padded := append(bytes.Clone(v.Key), make([]byte, -len(v.Key)&7)...)
		if got := wrap(v.KEK, iv, padded); !bytes.Equal(got, v.Wrapped) {
			t.Errorf("%s: %x", v.ID, got)
		}
	}
}

func TestPBKDF2(t *testing.T) {
	for _, v := range append(vectors.RFC6070(), vectors.RFC7914()...) {
		if v.Iterations > patience {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			got, err := pbkdf2.Key(crypto.Hash(v.Hash).New, string(v.Password), v.Salt, v.Iterations, len(v.Key))
			if err != nil || !bytes.Equal(got, v.Key) {
				t.Errorf("%x, %v", got, err)
			}
		})
	}
}
