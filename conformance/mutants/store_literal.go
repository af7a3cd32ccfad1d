package mutants

import (
	"bytes"
	"context"
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
