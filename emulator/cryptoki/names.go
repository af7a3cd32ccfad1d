package cryptoki

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// MechanismName gives "CKM_AES_CBC", or the number where the standard has no name for it.
func MechanismName(m uint) string { return name(mechanismNames, "CKM_", m) }

// AttributeName gives "CKA_SENSITIVE", or the number.
func AttributeName(a uint) string { return name(attributeNames, "CKA_", a) }

// ReturnName gives "CKR_OK" for nil, the CKR name of a pkcs11.Error, "error" for any other.
func ReturnName(err error) string {
	if err == nil {
		return "CKR_OK"
	}
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return "error"
	}
	return name(returnNames, "CKR_", uint(code))
}

func name(table map[uint]string, prefix string, number uint) string {
	if s, ok := table[number]; ok {
		return s
	}
	return fmt.Sprintf("%s0x%08X", prefix, number)
}

// MechanismNamed finds a number by the standard's name for it, "CKM_AES_CBC".
func MechanismNamed(name string) (uint, bool) { return number(mechanismNames, name) }

// ReturnNamed finds a return value by its name, "CKR_DEVICE_ERROR".
func ReturnNamed(name string) (uint, bool) { return number(returnNames, name) }

// AttributeNamed finds an attribute by its name, "CKA_SENSITIVE".
func AttributeNamed(name string) (uint, bool) { return number(attributeNames, name) }

func number(table map[uint]string, name string) (uint, bool) {
	for n, known := range table {
		if known == name {
			return n, true
		}
	}
	return 0, false
}
