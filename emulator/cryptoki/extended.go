package cryptoki

import (
	"errors"

	"github.com/miekg/pkcs11"
)

// CKF_FIND_OBJECTS names a search to C_SessionCancel (v3.0, pkcs11t.h); miekg/pkcs11 has
// the constants of v2.40 only.
const CKF_FIND_OBJECTS = 0x00000040

// Extended is a Module with what miekg's method set leaves out: attributes one by one,
// the answer of C_WaitForSlotEvent, and two functions of PKCS#11 v3.0.
type Extended interface {
	Module

	// AttributeValues is C_GetAttributeValue as the standard has it. The values come
	// beside the error where the error is about single attributes: see Partial.
	AttributeValues(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, types []uint) ([]AttributeValue, error)
	// SlotEvent is C_WaitForSlotEvent; with CKF_DONT_BLOCK it answers at once.
	SlotEvent(flags uint) (uint, error)
	// LoginUser is C_LoginUser (v3.0 §5.6.9).
	LoginUser(sh pkcs11.SessionHandle, userType uint, PIN, user string) error
	// SessionCancel is C_SessionCancel (v3.0 §5.6.11): it ends the operations that flags name.
	SessionCancel(sh pkcs11.SessionHandle, flags uint) error
}

// AttributeValue is one attribute of an object, or the news that it cannot be had:
// CK_UNAVAILABLE_INFORMATION in the place of its length.
type AttributeValue struct {
	Type        uint
	Value       []byte
	Unavailable bool
}

// Partial tells whether err leaves the other attributes of C_GetAttributeValue valid
// (v2.40 §5.7): CKR_ATTRIBUTE_SENSITIVE and CKR_ATTRIBUTE_TYPE_INVALID do, as does nil.
func Partial(err error) bool {
	return err == nil || errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_SENSITIVE)) ||
		errors.Is(err, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_TYPE_INVALID))
}

// Extend gives the Extended that m is or, for a Module that is none, one that asks for
// each attribute by a call of its own and has nothing of v3.0.
func Extend(m Module) Extended {
	if e, ok := m.(Extended); ok {
		return e
	}
	return plain{m}
}

type plain struct{ Module }

func (p plain) AttributeValues(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, types []uint) ([]AttributeValue, error) {
	out := make([]AttributeValue, len(types))
	var first error
	for i, typ := range types {
		got, err := p.GetAttributeValue(sh, o, []*pkcs11.Attribute{{Type: typ}})
		if !Partial(err) {
			return nil, err
		}
		if first == nil {
			first = err
		}
		out[i] = AttributeValue{Type: typ, Unavailable: err != nil}
		if err == nil {
			out[i].Value = got[0].Value
		}
	}
	return out, first
}

func (p plain) SlotEvent(flags uint) (uint, error) {
	if flags&pkcs11.CKF_DONT_BLOCK != 0 {
		return 0, pkcs11.Error(pkcs11.CKR_NO_EVENT) // miekg's channel cannot be asked without waiting
	}
	event, ok := <-p.WaitForSlotEvent(flags)
	if !ok {
		return 0, pkcs11.Error(pkcs11.CKR_FUNCTION_NOT_SUPPORTED)
	}
	return event.SlotID, nil
}

func (plain) LoginUser(pkcs11.SessionHandle, uint, string, string) error {
	return pkcs11.Error(pkcs11.CKR_FUNCTION_NOT_SUPPORTED)
}

func (plain) SessionCancel(pkcs11.SessionHandle, uint) error {
	return pkcs11.Error(pkcs11.CKR_FUNCTION_NOT_SUPPORTED)
}
