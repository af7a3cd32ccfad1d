package keys

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/epsbench/epsbench/reference"
)

// Bounds of a keystore that is read: whoever can write to the database could name any, and
// the EPS would not come up for hours. Its own has 2,048 iterations and less than 8 KiB.
const (
	mostIterations = 1_000_000
	mostKeystore   = 64 << 10
	deepest        = 32 // nested values
)

// writeKeystore makes a PKCS#12 file of a pair, with the certificate that the format wants.
func writeKeystore(as *pkcs12.Encoder, name string, pair crypto.Signer, password string) ([]byte, error) {
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: now, NotAfter: now.AddDate(10, 0, 0), KeyUsage: x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, pair.Public(), pair)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return as.Encode(pair, certificate, nil, password)
}

// readKeystore opens a PKCS#12 file with one RSA pair.
func readKeystore(file []byte, password string) (*rsa.PrivateKey, error) {
	if len(file) > mostKeystore || !bearable(file, deepest) {
		return nil, fmt.Errorf("a keystore that takes too long to open: %w", reference.ErrInvalid)
	}
	private, _, err := pkcs12.Decode(file, password)
	if err != nil {
		return nil, err
	}
	pair, ok := private.(*rsa.PrivateKey)
	if !ok || pair.E != 65537 || len(pair.Primes) != 2 {
		return nil, fmt.Errorf("no RSA pair with exponent 65537: %w", reference.ErrInvalid)
	}
	return pair, nil
}

// bearable looks at every number behind a salt, which is how each of the format's
// derivations names its iterations (RFC 7292 appendices A and C, RFC 8018 appendix A).
// Strings of bytes are looked into: the format nests its parts in them.
func bearable(der []byte, depth int) bool {
	salted := false
	for len(der) > 0 {
		var v asn1.RawValue
		rest, err := asn1.Unmarshal(der, &v)
		if err != nil {
			return true // no structure, or one that nothing reads
		}
		if salted && v.Tag == asn1.TagInteger && v.Class == asn1.ClassUniversal && !few(v.FullBytes) {
			return false
		}
		salted = v.Tag == asn1.TagOctetString && v.Class == asn1.ClassUniversal
		if (salted || v.IsCompound) && (depth == 0 || !bearable(v.Bytes, depth-1)) {
			return false
		}
		der = rest
	}
	return true
}

func few(number []byte) bool {
	var n int
	_, err := asn1.Unmarshal(number, &n)
	return err == nil && n <= mostIterations
}
