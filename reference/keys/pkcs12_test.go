package keys

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/epsbench/epsbench/reference"
)

// fuzzedPassword opens the seeds.
const fuzzedPassword = "CORRECTHORSEBATTERYSTAPLE"

// FuzzKeystore feeds what may stand in the database in place of a keystore, and what a
// changed password decrypts to. What opens is an RSA pair.
func FuzzKeystore(f *testing.F) {
	f.Fuzz(func(t *testing.T, file []byte, password string) {
		pair, err := readKeystore(file, password)
		if err != nil {
			if pair != nil {
				t.Error("a pair comes with an error")
			}
			return
		}
		if err := pair.Validate(); err != nil {
			t.Errorf("a pair that is none: %v", err)
		}
	})
}

// The seeds in testdata open: one that fails at the first byte would lead nowhere.
func TestSeedsOfKeystoresOpen(t *testing.T) {
	seeds := keystoreSeeds(t)
	for name, file := range seeds {
		pair, err := readKeystore(file, fuzzedPassword)
		switch {
		case name == "curve" && errors.Is(err, reference.ErrInvalid): // a good keystore, of another kind of key
		case name == "curve":
			t.Errorf("%s: %v, want %v", name, err, reference.ErrInvalid)
		case err != nil || pair.Validate() != nil:
			t.Errorf("%s: %v", name, err)
		}
		if _, err := readKeystore(file, fuzzedPassword+"X"); !errors.Is(err, pkcs12.ErrIncorrectPassword) {
			t.Errorf("%s, wrong password: %v", name, err)
		}
	}
	if len(seeds) < 3 {
		t.Errorf("%d seeds", len(seeds))
	}
}

// A keystore whose derivations have too many iterations is refused before any is computed.
func TestKeystoresThatTakeTooLong(t *testing.T) {
	pair, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	many, err := writeKeystore(pkcs12.Modern2023.WithIterations(mostIterations+1), "MPP/1", pair, fuzzedPassword)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readKeystore(many, fuzzedPassword); !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("%d iterations: %v", mostIterations+1, err)
	}
	if _, err := readKeystore(make([]byte, mostKeystore+1), ""); !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("a large file: %v", err)
	}
	for _, file := range keystoreSeeds(t) {
		if !bearable(file, deepest) {
			t.Error("a keystore as others make them takes too long")
		}
	}
}

// What counts as iterations is the number behind a salt, however deep it stands.
func TestIterationsAreFound(t *testing.T) {
	type derivation struct {
		Salt       []byte
		Iterations int
	}
	for n, want := range map[int]bool{1: true, mostIterations: true, mostIterations + 1: false, 1 << 62: false} {
		der, err := asn1.Marshal(derivation{[]byte("salt"), n})
		for range 5 {
			if err == nil {
				der, err = asn1.Marshal([][]byte{der})
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if bearable(der, deepest) != want {
			t.Errorf("%d iterations, want %v", n, want)
		}
	}
	der := []byte{asn1.TagInteger, 1, 1}
	for range deepest + 1 {
		der = append([]byte{asn1.TagOctetString, byte(len(der))}, der...)
	}
	if bearable(der, deepest) {
		t.Error("values nested without end")
	}
}

// keystoreSeeds are the files among the seeds, by name.
func keystoreSeeds(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/fuzz/FuzzKeystore/*")
	if err != nil {
		t.Fatal(err)
	}
	seeds := map[string][]byte{}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		line := strings.Split(string(content), "\n")[1]
		text, err := strconv.Unquote(strings.TrimSuffix(strings.TrimPrefix(line, "[]byte("), ")"))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		seeds[filepath.Base(path)] = []byte(text)
	}
	return seeds
}
