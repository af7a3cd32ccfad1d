package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/epsbench/epsbench/reference/api/strict"
)

// Role is what a caller may do; which routes ask for which stands in package api
// and, for the authentication server, in package authserver.
type Role string

const (
	Issuer       Role = "issuer"        // enrols users and changes their tokens
	Auditor      Role = "auditor"       // reads the audit
	Admin        Role = "admin"         // metrics and readiness
	KeyCustodian Role = "key-custodian" // the inventory of keys
	EPSNode      Role = "eps"           // plug-in messages to the authentication server
	Validator    Role = "validator"     // has OTPs judged
	Importer     Role = "importer"      // imports seeds
	Operator     Role = "operator"      // unlocks; two different ones for dual control
)

// known is every role that a table may give.
var known = []Role{Issuer, Auditor, Admin, KeyCustodian, EPSNode, Validator, Importer, Operator}

// Caller is who a certificate stands for. The zero Caller is nobody.
type Caller struct {
	Name  string // common name
	Roles []Role
}

// Is says whether the caller has one of the roles.
func (c Caller) Is(any ...Role) bool {
	return slices.ContainsFunc(c.Roles, func(r Role) bool { return slices.Contains(any, r) })
}

// Roles maps client certificates to roles. A certificate is known by its SHA-256
// fingerprint or by its common name under the authority of the listener.
type Roles struct {
	entries []entry
}

// entry is one row of the file: subject or sha256, not both.
type entry struct {
	Subject string `yaml:"subject,omitempty"` // common name
	SHA256  string `yaml:"sha256,omitempty"`  // of the DER certificate, 64 hexadecimal digits, colons allowed
	Roles   []Role `yaml:"roles"`
}

type table struct {
	Certificates []entry `yaml:"certificates"`
}

// LoadRoles reads a role table. An unknown role or field, a repeated certificate
// or an empty row is an error that names its line or row.
func LoadRoles(path string) (*Roles, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("role table: %w", err)
	}
	r, err := parseRoles(data)
	if err != nil {
		return nil, fmt.Errorf("role table %s: %w", path, err)
	}
	return r, nil
}

func parseRoles(data []byte) (*Roles, error) {
	var t table
	if err := strict.YAML(data, &t); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range t.Certificates {
		e := &t.Certificates[i]
		e.SHA256 = strings.ToLower(strings.ReplaceAll(e.SHA256, ":", ""))
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("certificate %d: %w", i+1, err)
		}
		if seen[e.Subject+"/"+e.SHA256] {
			return nil, fmt.Errorf("certificate %d: is there twice", i+1)
		}
		seen[e.Subject+"/"+e.SHA256] = true
	}
	return &Roles{t.Certificates}, nil
}

func (e *entry) check() error {
	if (e.Subject == "") == (e.SHA256 == "") {
		return fmt.Errorf("want either subject or sha256")
	}
	if raw, err := hex.DecodeString(e.SHA256); err != nil || len(raw) != 0 && len(raw) != sha256.Size {
		return fmt.Errorf("sha256: want 64 hexadecimal digits")
	}
	if len(e.Roles) == 0 {
		return fmt.Errorf("no roles")
	}
	for _, r := range e.Roles {
		if !slices.Contains(known, r) {
			return fmt.Errorf("unknown role %q; known: %v", r, known)
		}
	}
	return nil
}

// Of gives the caller behind a certificate that has been verified under the
// listener's authority. Rows by fingerprint and by name add up.
func (r *Roles) Of(c *x509.Certificate) Caller {
	sum := sha256.Sum256(c.Raw)
	fingerprint := hex.EncodeToString(sum[:])
	caller := Caller{Name: c.Subject.CommonName}
	for _, e := range r.entries {
		if e.SHA256 == fingerprint || e.SHA256 == "" && e.Subject == caller.Name {
			caller.Roles = append(caller.Roles, e.Roles...)
		}
	}
	return caller
}

func writeRoles(path string) error {
	var t table
	for _, l := range leaves {
		if len(l.roles) > 0 {
			t.Certificates = append(t.Certificates, entry{Subject: l.name, Roles: l.roles})
		}
	}
	var b bytes.Buffer
	b.WriteString("# Which client certificate may do what. A certificate is known by its subject\n" +
		"# (common name, under the listener's authority) or by its sha256 fingerprint.\n")
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(t); err != nil {
		return err
	}
	return create(path, b.Bytes())
}
