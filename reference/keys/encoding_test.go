package keys_test

import (
	"bytes"
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
)

func aesECB(key, data []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(data))
	for i := 0; i < len(data); i += c.BlockSize() {
		c.Encrypt(out[i:], data[i:])
	}
	return out
}

func hmacOf(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

func someOffer(t testing.TB) keys.Offer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return keys.Offer{Name: "auth-1", Suites: []hsm.Suite{hsm.OAEPSHA256, hsm.OAEPSHA1}, Key: &key.PublicKey}
}

func somePackage() keys.Package {
	parcel := bytes.Repeat([]byte{1}, 256)
	return keys.Package{Server: "auth-1", Version: 3, Suite: hsm.OAEPSHA256, Key: "AB CD", TRK: parcel, PLK: parcel, PLKR: parcel}
}

// spoil are changes that no strict reader takes, each with a file in which it bites.
var spoil = []struct{ name, from, to string }{
	{"unknown field", "{\n", "{\n  \"more\": 1,\n"},
	{"doubled field", "  \"key\"", "  \"key\": \"\",\n  \"key\""},
	{"field in capitals", `"key"`, `"KEY"`},
	{"other format", "/1", "/2"},
	{"trailing bytes", "\n}\n", "\n}\n{}"},
	{"trailing space", "\n}\n", "\n}\n "},
	{"other spacing", "\n  ", "\n\t"},
	{"name with a slash", "auth-1", "auth/1"},
	{"name in capitals", "auth-1", "Auth-1"},
	{"empty name", "auth-1", ""},
	{"empty file", "", ""},
}

func TestChangedFilesAreRefused(t *testing.T) {
	offer, pack := string(someOffer(t).Encode()), string(somePackage().Encode())
	for _, s := range spoil {
		t.Run(s.name, func(t *testing.T) {
			change := func(file string) []byte { return []byte(strings.Replace(file, s.from, s.to, 1)) }
			if s.from == "" {
				change = func(string) []byte { return nil }
			}
			if _, err := keys.DecodeOffer(change(offer)); err == nil {
				t.Error("offer is taken")
			}
			if _, err := keys.DecodePackage(change(pack)); err == nil {
				t.Error("package is taken")
			}
		})
	}
}

func TestOffersOfWeakKeysAreRefused(t *testing.T) {
	good := someOffer(t)
	for name, offer := range map[string]keys.Offer{
		"exponent 3": {Name: good.Name, Suites: good.Suites, Key: &rsa.PublicKey{N: good.Key.N, E: 3}},
		"no suite":   {Name: good.Name, Key: good.Key},
		"suite 3":    {Name: good.Name, Suites: []hsm.Suite{3}, Key: good.Key},
	} {
		if _, err := keys.DecodeOffer(offer.Encode()); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestPackagesOfWrongSizesAreRefused(t *testing.T) {
	for name, change := range map[string]func(*keys.Package){
		"version 0":          func(p *keys.Package) { p.Version = 0 },
		"suite 0":            func(p *keys.Package) { p.Suite = 0 },
		"no TRK":             func(p *keys.Package) { p.TRK = nil },
		"short PLK":          func(p *keys.Package) { p.PLK = p.PLK[1:] },
		"larger than 16 KiB": func(p *keys.Package) { p.Key = strings.Repeat("A", 16<<10) },
	} {
		p := somePackage()
		change(&p)
		if _, err := keys.DecodePackage(p.Encode()); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestFingerprintsTellKeysAndPackagesApart(t *testing.T) {
	a, b := someOffer(t), someOffer(t)
	if a.Fingerprint() == b.Fingerprint() || a.Fingerprint() != keys.Fingerprint(a.Key) {
		t.Error("fingerprints of offers do not name the key")
	}
	p, q := somePackage(), somePackage()
	q.PLKR = bytes.Repeat([]byte{2}, 256)
	if p.Fingerprint() == q.Fingerprint() || len(strings.Fields(p.Fingerprint())) != 16 {
		t.Errorf("fingerprint of a package: %s", p.Fingerprint())
	}
}

func FuzzDecodeOffer(f *testing.F) {
	f.Add(someOffer(f).Encode())
	f.Add([]byte(`{"format":"epsbench.offer/1","suites":[1],"key":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		offer, err := keys.DecodeOffer(data)
		if err == nil && !bytes.Equal(offer.Encode(), data) {
			t.Error("a file that is taken reads otherwise than it was written")
		}
	})
}

func FuzzDecodePackage(f *testing.F) {
	f.Add(somePackage().Encode())
	f.Add([]byte(`{"format":"epsbench.package/1","trk":"AAAA"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := keys.DecodePackage(data)
		if err == nil && !bytes.Equal(p.Encode(), data) {
			t.Error("a file that is taken reads otherwise than it was written")
		}
	})
}
