// Package pki makes a development PKI for an EPS and its authentication server,
// reads the certificates of any PKI, and says which roles a client certificate has.
//
// Start at Create for the files that `eps init` writes, at Roles for the table
// that a listener asks. A real installation brings its own certificates and keeps
// the table.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Names of the files in a directory made by Create: CA.pem without key of the
// leaves, and NAME.pem, NAME.key for each leaf.
const (
	CA         = "ca"
	RolesFile  = "roles.yaml"
	EPS        = "eps"
	AuthServer = "authserver"
)

// lifetime of everything in a development PKI.
const lifetime = 2 * 365 * 24 * time.Hour

// leaf is a certificate of the development PKI.
type leaf struct {
	name  string
	usage []x509.ExtKeyUsage
	roles []Role
}

var (
	server = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	client = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
)

// leaves is the development PKI: who exists, and with which roles.
var leaves = []leaf{
	{EPS, server, nil},
	{AuthServer, server, nil},
	{"bank-issuer", client, []Role{Issuer}},
	{"bank-auditor", client, []Role{Auditor}},
	{"admin", client, []Role{Admin}},
	{"custodian", client, []Role{KeyCustodian}},
	{"eps-plugin", client, []Role{EPSNode}},
	{"bank-validator", client, []Role{Validator}},
	{"bank-importer", client, []Role{Importer}},
	{"operator-a", client, []Role{Operator}},
	{"operator-b", client, []Role{Operator}},
}

// Create writes a development PKI and its role table into dir, which must not
// hold one: a certificate authority, certificates for the servers on localhost,
// 127.0.0.1, ::1 and hosts, and one client certificate for each role (two
// operators, for dual control). Keys are readable by the owner only.
func Create(dir string, now time.Time, hosts ...string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	ca, err := newAuthority(now)
	if err != nil {
		return fmt.Errorf("development PKI: %w", err)
	}
	if err := ca.write(dir, CA); err != nil {
		return err
	}
	for _, l := range leaves {
		issued, err := ca.issue(l, now, hosts)
		if err != nil {
			return fmt.Errorf("certificate %s: %w", l.name, err)
		}
		if err := issued.write(dir, l.name); err != nil {
			return err
		}
	}
	return writeRoles(filepath.Join(dir, RolesFile))
}

// pair is a certificate and its key.
type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(now time.Time) (*pair, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "epsbench development CA"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(lifetime),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(t, nil)
}

func (ca *pair) issue(l leaf, now time.Time, hosts []string) (*pair, error) {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: l.name},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(lifetime),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           l.usage,
	}
	if l.usage[0] == x509.ExtKeyUsageServerAuth {
		t.DNSNames, t.IPAddresses = namesOf(append([]string{"localhost", "127.0.0.1", "::1"}, hosts...))
	}
	return sign(t, ca)
}

func namesOf(hosts []string) (names []string, addresses []net.IP) {
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			addresses = append(addresses, ip)
			continue
		}
		names = append(names, h)
	}
	return names, addresses
}

// sign makes a P-256 key and its certificate, under ca or under itself.
func sign(t *x509.Certificate, ca *pair) (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if t.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, err
	}
	parent, signer := t, key
	if ca != nil {
		parent, signer = ca.certificate, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), signer)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	return &pair{certificate, key}, err
}

// write puts NAME.pem and NAME.key into dir; neither may exist.
func (p *pair) write(dir, name string) error {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		return err
	}
	defer clear(der)
	secret := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	defer clear(secret)
	if err := create(filepath.Join(dir, name+".key"), secret); err != nil {
		return err
	}
	return create(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw}))
}

// create writes a new file for the owner only.
func create(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
