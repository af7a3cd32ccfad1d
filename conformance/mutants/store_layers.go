package mutants

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// onKey changes the template of one permanent key when it is made.
func onKey(slot, label string, change func([]*pkcs11.Attribute) []*pkcs11.Attribute) func(*Seams) {
	return onModule(slot, func(m cryptoki.Module) cryptoki.Module { return keyMaker{m, label, change} })
}

type keyMaker struct {
	cryptoki.Module
	label  string
	change func([]*pkcs11.Attribute) []*pkcs11.Attribute
}

func (m keyMaker) template(t []*pkcs11.Attribute) []*pkcs11.Attribute {
	if string(valueOf(t, pkcs11.CKA_LABEL)) == m.label {
		return m.change(t)
	}
	return t
}

func (m keyMaker) GenerateKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return m.Module.GenerateKey(sh, mechanism, m.template(t))
}

func (m keyMaker) UnwrapKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, under pkcs11.ObjectHandle, blob []byte, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return m.Module.UnwrapKey(sh, mechanism, under, blob, m.template(t))
}

func set(typ uint, value byte) func([]*pkcs11.Attribute) []*pkcs11.Attribute {
	return func(t []*pkcs11.Attribute) []*pkcs11.Attribute { return with(t, typ, []byte{value}) }
}

func withoutTemplate(t []*pkcs11.Attribute) []*pkcs11.Attribute {
	return without(t, pkcs11.CKA_UNWRAP_TEMPLATE)
}

// checkValues drops the empty CKA_CHECK_VALUE of session keys, and hides what follows.
type checkValues struct{ cryptoki.Module }

func (m checkValues) CreateObject(sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return m.Module.CreateObject(sh, without(t, pkcs11.CKA_CHECK_VALUE))
}

func (m checkValues) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return m.Module.DeriveKey(sh, mechanism, base, without(t, pkcs11.CKA_CHECK_VALUE))
}

func (m checkValues) GetAttributeValue(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, attributes []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	got, err := m.Module.GetAttributeValue(sh, o, attributes)
	for _, a := range got {
		if a.Type == pkcs11.CKA_CHECK_VALUE {
			a.Value = nil
		}
	}
	return got, err
}

// rowKeys lets row keys leave: they are what is derived to unwrap.
type rowKeys struct{ cryptoki.Module }

func (m rowKeys) DeriveKey(sh pkcs11.SessionHandle, mechanism []*pkcs11.Mechanism, base pkcs11.ObjectHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	if isTrue(t, pkcs11.CKA_UNWRAP) {
		t = with(t, pkcs11.CKA_EXTRACTABLE, []byte{1})
	}
	return m.Module.DeriveKey(sh, mechanism, base, t)
}

// renamed tells the names of another HSM.
type renamed struct{ cryptoki.Module }

func (m renamed) GetTokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	info, err := m.Module.GetTokenInfo(slot)
	info.ManufacturerID, info.Model = "SafeNet", "PSE-I PL220"
	return info, err
}
