package mutants

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// attacked are the mutants of the classes of attack: of what provisioning and the HSM let
// through (here), of OTPs and their spelling (attacks_otp.go), of windows and locks
// (attacks_lock.go), of the link between the servers (attacks_link.go).
var attacked = slices.Concat(attackedEPS, attackedOTPs, attackedLocks, attackedLink)

var attackedEPS = []Mutant{
	{
		Name:   "a key is cut from another",
		About:  "The EPS asks its HSM for a part of each key that it derives.",
		Claims: []string{"ATK-06"},
		Reason: "a derivation that the HSM of eps is asked for",
		Break:  onceServing(func(m cryptoki.Module) cryptoki.Module { return cutting{m} }),
	},
	{
		Name:   "a key of 40 bits",
		About:  "The authentication server makes a key of 40 bits beside each that it unwraps.",
		Claims: []string{"ATK-06"},
		Reason: "bytes of a key that the HSM of authserver is asked for",
		Break:  onModule("authserver", func(m cryptoki.Module) cryptoki.Module { return shortening{m} }),
	},
	{
		Name:   "the HSM offers to XOR keys",
		About:  "The module lists a derivation by XOR with bytes of the caller's choice.",
		Claims: []string{"ATK-06"},
		Reason: "the module offers CKM_XOR_BASE_AND_DATA",
		Break:  onModule("suite", func(m cryptoki.Module) cryptoki.Module { return offeringXOR{m} }),
	},
	{
		Name:   "the HSM cuts what it joins",
		About:  "The module puts known bytes before a key, and gives as many of both together as it is asked for.",
		Claims: []string{"ATK-06"},
		Reason: "the module gives a part of a key by CKM_CONCATENATE_DATA_AND_BASE",
		Break:  onModule("suite", func(m cryptoki.Module) cryptoki.Module { return joiningParts{m} }),
	},
	{
		Name:   "captured requests are granted again",
		About:  "Codes stay live, and tokens deliverable, after the delivery.",
		Claims: []string{"ATK-07"},
		Reason: "the captured request, as it was",
		Break: inProvisioning(func(p *mpp.Parts) {
			p.Store = reissuing{changing(p.Store, func(tx store.Tx) store.Tx { return unused{tx} })}
		}),
	},
	{
		Name:   "a race lost to another node counts as won",
		About:  "That another node has delivered the token is found at the commit, and overlooked.",
		Claims: []string{"ATK-08"},
		Reason: "phones with one registration code over two nodes",
		Break:  inProvisioning(func(p *mpp.Parts) { p.Store = careless{p.Store, 300 * time.Millisecond} }),
	},
	{
		Name:   "unknown locators count against the newest code",
		About:  "Whoever makes a locator up is taken for somebody who guesses at the newest code.",
		Claims: []string{"ATK-14"},
		Reason: "disturb a user: his phone gets no token",
		Break: func(s *Seams) {
			s.Store = func(st store.EPS) store.EPS { return &suspicious{EPS: st} }
		},
	},
	{
		Name:   "strangers validate",
		About:  "The listener for OTPs asks nobody for a certificate, and counts failures.",
		Claims: []string{"ATK-14"},
		Reason: "disturb a user: his OTP is refused",
		Break: func(s *Seams) {
			s.TLS = func(listener string, c *tls.Config) {
				if listener == "auth" {
					c.ClientAuth = tls.NoClientCert
				}
			}
			s.Validation = func(p *authserver.Parts) {
				p.Identify = func(*http.Request) pki.Caller {
					return pki.Caller{Name: "anyone", Roles: []pki.Role{pki.Validator, pki.EPSNode}}
				}
			}
		},
	},
	{
		Name:   "rows under one key",
		About:  "The key of a row is derived from constant data, the same for all rows.",
		Claims: []string{"ATK-18"},
		Reason: "a token is delivered out of another user's row",
		Break:  onceServing(func(m cryptoki.Module) cryptoki.Module { return oneRowKey{m} }),
	},
	{
		Name:   "a row is believed whoever it names",
		About:  "The authentication server takes each row that it reads for its own.",
		Claims: []string{"ATK-18"},
		Reason: "one user's credential has another's row: an OTP is accepted",
		Break:  func(s *Seams) { (&credulous{}).put(s) },
	},
}

type cutting struct{ cryptoki.Module }

func (m cutting) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	cut := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EXTRACT_KEY_FROM_KEY, make([]byte, 8))}
	if part, err := m.Module.DeriveKey(sh, cut, base, t); err == nil {
		_ = m.DestroyObject(sh, part) // the session ends with it otherwise
	}
	return m.Module.DeriveKey(sh, mechanism, base, t)
}

type shortening struct{ cryptoki.Module }

func (m shortening) UnwrapKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, under pkcs11.ObjectHandle, blob []byte, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	short := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY), pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
		pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 5),
	}
	if key, err := m.GenerateKey(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)}, short); err == nil {
		_ = m.DestroyObject(sh, key) // the session ends with it otherwise
	}
	return m.Module.UnwrapKey(sh, mechanism, under, blob, t)
}

type offeringXOR struct{ cryptoki.Module }

func (m offeringXOR) GetMechanismList(slot uint) ([]*pkcs11.Mechanism, error) {
	list, err := m.Module.GetMechanismList(slot)
	return append(list, pkcs11.NewMechanism(pkcs11.CKM_XOR_BASE_AND_DATA, nil)), err
}

// joiningParts derives what is asked for by joining keys, however short: a new key stands for
// the part.
type joiningParts struct{ cryptoki.Module }

func (m joiningParts) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if mechanism[0].Mechanism == pkcs11.CKM_CONCATENATE_DATA_AND_BASE {
		return m.Module.GenerateKey(sh, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, t)
	}
	return m.Module.DeriveKey(sh, mechanism, base, t)
}

// oneRowKey leaves out what a row key is bound to. Row keys are derived to wrap or unwrap,
// as K_c is.
type oneRowKey struct{ cryptoki.Module }

func (m oneRowKey) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if (isTrue(t, pkcs11.CKA_WRAP) || isTrue(t, pkcs11.CKA_UNWRAP)) && !derives(mechanism, "K_c") {
		var pin runtime.Pinner
		defer pin.Unpin()
		parameter := cryptoki.PinDerivationData(&pin, labelled("one for all"))
		mechanism = []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_ECB_ENCRYPT_DATA, parameter)}
	}
	return m.Module.DeriveKey(sh, mechanism, base, t)
}

// suspicious gives the newest code for a locator that there is not.
type suspicious struct {
	store.EPS
	newest atomic.Value
}

func (s *suspicious) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.EPS.Update(ctx, func(tx store.Tx) error { return fn(suspiciousTx{tx, s}) })
}

func (s *suspicious) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.EPS.View(ctx, func(tx store.Reader) error { return fn(suspiciousReader{tx, s}) })
}

type suspiciousTx struct {
	store.Tx
	s *suspicious
}

func (tx suspiciousTx) InsertCode(c reference.RegistrationCode) error {
	tx.s.newest.Store(c.Locator)
	return tx.Tx.InsertCode(c)
}

type suspiciousReader struct {
	store.Reader
	s *suspicious
}

func (tx suspiciousReader) CodeByLocator(locator string) (reference.RegistrationCode, error) {
	c, err := tx.Reader.CodeByLocator(locator)
	if newest, ok := tx.s.newest.Load().(string); ok && errors.Is(err, reference.ErrNotFound) {
		return tx.Reader.CodeByLocator(newest)
	}
	return c, err
}
