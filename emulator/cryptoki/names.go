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
