package mutants

import (
	"slices"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
)

// rfc are the mutants of the claims that family rfc judges.
var rfc = []Mutant{
	{
		Name:   "HSM reads the moving factor little-endian",
		About:  "C_Sign reverses the eight bytes of a counter (RFC 4226 §5.2 has them big-endian).",
		Claims: []string{"RFC4226-appD", "RFC6238-appB"},
		Reason: "of the vector",
		Break:  onModule("suite", func(m cryptoki.Module) cryptoki.Module { return littleEndian{m} }),
	},
	{
		Name:   "HSM cuts HMAC keys to 20 bytes",
		About:  "C_CreateObject keeps the first 20 bytes of a secret, as the text of RFC 6238 before erratum 2866 suggests.",
		Claims: []string{"RFC6238-appB"},
		Reason: "OTP of the vector",
		Break:  onModule("suite", func(m cryptoki.Module) cryptoki.Module { return shortKeys{m} }),
	},
	{
		Name:   "authentication server counts little-endian",
		About:  "The authentication server hands the moving factor to its HSM in the wrong byte order.",
		Claims: []string{"RFC4226-appD-server", "RFC6238-appB-server"},
		Reason: "is refused",
		Break:  onModule("authserver", func(m cryptoki.Module) cryptoki.Module { return littleEndian{m} }),
	},
	{
		Name:   "authentication server runs on local time",
		About:  "The authentication server's clock is an hour ahead of UTC.",
		Claims: []string{"RFC6238-appB-server"},
		Reason: "is refused",
		Break: func(s *Seams) {
			s.Validation = func(p *authserver.Parts) { p.Clock = ahead{p.Clock} }
		},
	},
	{
		Name:   "HSM wraps keys with padding",
		About:  "C_WrapKey and C_UnwrapKey do RFC 5649 where RFC 3394 is asked for.",
		Claims: []string{"RFC3394-4"},
		Reason: "wrapped key of the vector",
		Break:  onModule("suite", func(m cryptoki.Module) cryptoki.Module { return padded{m} }),
	},
}

// onModule puts a layer on the HSM of one slot: "eps", "authserver", or the suite's own.
func onModule(slot string, layer func(cryptoki.Module) cryptoki.Module) func(*Seams) {
	return func(s *Seams) {
		s.Module = func(name string, m cryptoki.Module) cryptoki.Module {
			if name != slot {
				return m
			}
			return layer(m)
		}
	}
}

type littleEndian struct{ cryptoki.Module }

func (m littleEndian) Sign(s pkcs11.SessionHandle, data []byte) ([]byte, error) {
	if len(data) == 8 {
		data = slices.Clone(data)
		slices.Reverse(data)
	}
	return m.Module.Sign(s, data)
}

type shortKeys struct{ cryptoki.Module }

func (m shortKeys) CreateObject(s pkcs11.SessionHandle, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	template = slices.Clone(template)
	for i, a := range template {
		if a.Type == pkcs11.CKA_VALUE && len(a.Value) > 20 {
			template[i] = pkcs11.NewAttribute(a.Type, a.Value[:20])
		}
	}
	return m.Module.CreateObject(s, template)
}

type ahead struct{ reference.Clock }

func (c ahead) Now() time.Time { return c.Clock.Now().Add(time.Hour) }

type padded struct{ cryptoki.Module }

func (m padded) WrapKey(s pkcs11.SessionHandle, _ []*pkcs11.Mechanism, wrapping, key pkcs11.ObjectHandle) ([]byte, error) {
	return m.Module.WrapKey(s, padding(), wrapping, key)
}

func (m padded) UnwrapKey(s pkcs11.SessionHandle, _ []*pkcs11.Mechanism, key pkcs11.ObjectHandle, wrapped []byte, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return m.Module.UnwrapKey(s, padding(), key, wrapped, template)
}

func padding() []*pkcs11.Mechanism {
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP_PAD, nil)}
}
