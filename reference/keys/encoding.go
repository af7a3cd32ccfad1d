package keys

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/epsbench/epsbench/reference/hsm"
)

// The files of a pairing are JSON in exactly the form that Encode writes, so that a
// fingerprint is over all that a file says.
const (
	offerFormat   = "epsbench.offer/1"
	packageFormat = "epsbench.package/1"
	maxFile       = 16 << 10 // bytes
)

type offerFile struct {
	Format string `json:"format"`
	Name   string `json:"name"`
	Suites []int  `json:"suites"`
	Key    string `json:"key"`
}

type packageFile struct {
	Format  string    `json:"format"`
	Server  string    `json:"server"`
	Version uint32    `json:"version"`
	Suite   hsm.Suite `json:"suite"`
	Key     string    `json:"key"`
	TRK     []byte    `json:"trk"`
	PLK     []byte    `json:"plk"`
	PLKR    []byte    `json:"plk-r"`
}

// Encode is the file of the offer.
func (o Offer) Encode() []byte {
	der, err := x509.MarshalPKIXPublicKey(o.Key)
	if err != nil {
		panic(err) // RSA public keys can be encoded
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	file := offerFile{Format: offerFormat, Name: o.Name, Key: string(key)}
	for _, s := range o.Suites {
		file.Suites = append(file.Suites, int(s))
	}
	return encode(file)
}

// Encode is the file of the package. It holds no clear key.
func (p Package) Encode() []byte {
	return encode(packageFile{packageFormat, p.Server, p.Version, p.Suite, p.Key, p.TRK, p.PLK, p.PLKR})
}

func encode(file any) []byte {
	text, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		panic(err) // strings, numbers and bytes can be encoded
	}
	return append(text, '\n')
}

// DecodeOffer reads what Offer.Encode wrote, and nothing else.
func DecodeOffer(data []byte) (Offer, error) {
	var f offerFile
	if err := decode(data, &f); err != nil {
		return Offer{}, fmt.Errorf("read the offer: %w", err)
	}
	block, rest := pem.Decode([]byte(f.Key))
	if f.Format != offerFormat || block == nil || len(rest) > 0 {
		return Offer{}, errors.New("read the offer: not an offer of this version")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Offer{}, fmt.Errorf("read the offer: %w", err)
	}
	public, ok := key.(*rsa.PublicKey)
	if !ok {
		return Offer{}, errors.New("read the offer: the key is not an RSA key")
	}
	o := Offer{Name: f.Name, Key: public}
	for _, s := range f.Suites {
		o.Suites = append(o.Suites, hsm.Suite(s))
	}
	if err := o.check(); err != nil {
		return Offer{}, fmt.Errorf("read the offer: %w", err)
	}
	return o, exact(o.Encode(), data)
}

// DecodePackage reads what Package.Encode wrote, and nothing else.
func DecodePackage(data []byte) (Package, error) {
	var f packageFile
	if err := decode(data, &f); err != nil {
		return Package{}, fmt.Errorf("read the package: %w", err)
	}
	if f.Format != packageFormat {
		return Package{}, errors.New("read the package: not a package of this version")
	}
	p := Package{Server: f.Server, Version: f.Version, Suite: f.Suite, Key: f.Key, TRK: f.TRK, PLK: f.PLK, PLKR: f.PLKR}
	if err := p.check(); err != nil {
		return Package{}, fmt.Errorf("read the package: %w", err)
	}
	return p, exact(p.Encode(), data)
}

func decode(data []byte, file any) error {
	if len(data) > maxFile {
		return fmt.Errorf("more than %d bytes", maxFile)
	}
	return json.Unmarshal(data, file)
}

// exact refuses unknown and doubled fields, other spacing and trailing bytes.
func exact(encoded, data []byte) error {
	if !bytes.Equal(encoded, data) {
		return errors.New("the file was changed: it is not in the form that it was written in")
	}
	return nil
}

var serverName = regexp.MustCompile(`^[a-z0-9.-]{1,64}$`)

func checkName(name string) error {
	if !serverName.MatchString(name) {
		return fmt.Errorf("authentication server %.80q: a name has 1 to 64 characters of a-z 0-9 . -", name)
	}
	return nil
}

func checkSuite(s hsm.Suite) error {
	if s != hsm.OAEPSHA256 && s != hsm.OAEPSHA1 {
		return fmt.Errorf("%s is unknown", s)
	}
	return nil
}

func (o Offer) check() error {
	if err := checkName(o.Name); err != nil {
		return err
	}
	if len(o.Suites) == 0 || len(o.Suites) > 2 {
		return errors.New("no OAEP hash offered")
	}
	for _, s := range o.Suites {
		if err := checkSuite(s); err != nil {
			return err
		}
	}
	if bits := o.Key.N.BitLen(); bits < 2048 || bits > 4096 || o.Key.E != 65537 {
		return errors.New("the key is not RSA of 2048 to 4096 bits with exponent 65537")
	}
	return nil
}

func (p Package) check() error {
	if err := checkName(p.Server); err != nil {
		return err
	}
	if err := checkSuite(p.Suite); err != nil {
		return err
	}
	if p.Version == 0 {
		return errors.New("version 0")
	}
	sizes := []int{len(p.TRK), len(p.PLK), len(p.PLKR)}
	if slices.Min(sizes) != slices.Max(sizes) || sizes[0] < 256 || sizes[0] > 512 {
		return errors.New("the wrapped keys have wrong lengths")
	}
	return nil
}
