package mutants

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/row"
)

// literalTarget is what can show the claims on what only the literal profile stores.
const literalTarget = "reference:st-2.6.1"

// storageLiteral are the mutants of rows without a binding, and of the keystore.
var storageLiteral = []Mutant{
	{
		Name:   "rows are bound to no token",
		About:  "The row key is derived from DBK and the format alone: C opens in every row.",
		Claims: []string{"ST-6.4-a"},
		Reason: "an OTP that the attacker made of the owner's C, with the PIN found offline, is accepted",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) { p.Rows = unbound{p.Rows} }
			s.MPP = func(p *mpp.Parts) { p.Rows = unbound{p.Rows} }
		},
	},
	{
		Name:   "MPP key can leave the HSM",
		About:  "The RSA pair of the provisioning protocol is made with CKA_EXTRACTABLE=1.",
		Claims: []string{"ST-B5"},
		Reason: "CKA_EXTRACTABLE of MPP/",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return openPair{m} }),
	},
	{
		Name:   "keystore under a standing password",
		About:  "The password of the keystore is the one that keystores come with.",
		Target: literalTarget,
		Claims: []string{"ST-6.2-1d"},
		Reason: "characters of the keystore's password",
		Break: func(s *Seams) {
			s.Keys = func(o *keys.Options) { o.Password = func() string { return "changeit" } }
		},
	},
	{
		Name:   "password of the keystore in clear",
		About:  "What DBK should encrypt is stored as it is, padded.",
		Target: literalTarget,
		Claims: []string{"ST-6.2-1d"},
		Reason: "the password of the keystore does not open with DBK",
		Break: func(s *Seams) {
			kept := new(sync.Map)
			onModule("eps", func(m cryptoki.Module) cryptoki.Module { return identity{m, kept} })(s)
		},
	},
	{
		Name:   "another code beside the index",
		About:  "DBK encrypts the registration code backwards; nothing that the EPS does needs what it has stored.",
		Target: literalTarget,
		Claims: []string{"ST-B6"},
		Reason: "what DBK opens is not the registration code",
		Break:  func(s *Seams) { s.Enroll = func(p *enroll.Parts) { p.Rows = backwardsCode{p.Rows} } },
	},
	{
		Name:   "code beside the index in a form of its own",
		About:  "What is stored of a registration code is its bytes with a constant added, of the right length.",
		Target: literalTarget,
		Claims: []string{"ST-B6"},
		Reason: "what is kept of a registration code does not open with DBK",
		Break:  func(s *Seams) { s.Enroll = func(p *enroll.Parts) { p.Rows = maskedCode{p.Rows} } },
	},
	{
		Name:   "the key of the keystore signs too",
		About:  "The RSA pair comes out of the keystore into the HSM as a key that may also sign.",
		Target: literalTarget,
		Claims: []string{"ST-6.3-4"},
		Reason: "the private key: CKA_SIGN",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return signingPair{m} }),
	},
}

// backwardsCode keeps registration codes from their last character to their first.
type backwardsCode struct{ row.Format }

func (f backwardsCode) SealCode(ctx context.Context, s *hsm.Session, rc []byte) ([]byte, error) {
	changed := bytes.Clone(rc)
	slices.Reverse(changed)
	return f.Format.SealCode(ctx, s, changed)
}

// maskedCode keeps registration codes without DBK.
type maskedCode struct{ row.Format }

func (f maskedCode) SealCode(ctx context.Context, s *hsm.Session, rc []byte) ([]byte, error) {
	sealed, err := f.Format.SealCode(ctx, s, rc)
	if err != nil {
		return nil, err
	}
	body := sealed[16:] // the IV stays
	for i := range body {
		body[i] = rc[i%len(rc)] + 0x80
	}
	return sealed, nil
}

// signingPair adds a power to the private keys that are brought in.
type signingPair struct{ cryptoki.Module }

func (m signingPair) CreateObject(sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if class := valueOf(t, pkcs11.CKA_CLASS); bytes.Equal(class, pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY).Value) {
		t = with(t, pkcs11.CKA_SIGN, []byte{1})
	}
	return m.Module.CreateObject(sh, t)
}

// unbound seals and opens every row as if it were the same token's.
type unbound struct{ row.Format }

func (f unbound) Seal(ctx context.Context, s *hsm.Session, t *reference.Token, c []byte) error {
	all := nobody(*t)
	err := f.Format.Seal(ctx, s, &all, c)
	t.Format, t.DBKVersion, t.Sealed = all.Format, all.DBKVersion, all.Sealed
	return err
}

func (f unbound) Open(ctx context.Context, s *hsm.Session, t reference.Token) (hsm.Key, error) {
	return f.Format.Open(ctx, s, nobody(t))
}

func nobody(t reference.Token) reference.Token {
	t.ID, t.Service, t.User, t.Salt = "00000000000000000000000000", "none", "none", make([]byte, 16)
	return t
}

// identity gives texts of 24 bytes and more back as they are, padded, where AES-CBC should
// encrypt them, and knows them again. The probe's known answer is shorter.
type identity struct {
	cryptoki.Module
	kept *sync.Map // texts by what they became
}

func (m identity) Encrypt(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	encrypted, err := m.Module.Encrypt(sh, data) // ends the operation
	pad := len(encrypted) - len(data)
	if err != nil || len(data) < 24 || pad == 0 {
		return encrypted, err
	}
	padded := append(bytes.Clone(data), bytes.Repeat([]byte{byte(pad)}, pad)...)
	m.kept.Store(string(padded), bytes.Clone(data))
	return padded, nil
}

func (m identity) Decrypt(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	decrypted, err := m.Module.Decrypt(sh, data)
	if text, ok := m.kept.Load(string(data)); ok {
		return bytes.Clone(text.([]byte)), nil
	}
	return decrypted, err
}
