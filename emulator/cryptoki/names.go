package cryptoki

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"
)

// newer are mechanisms of v3.0 for which miekg/pkcs11 has no names.
var newer = map[uint]string{
	0x210B: "CKM_AES_KEY_WRAP_KWP", 0x402A: "CKM_HKDF_DERIVE", 0x402B: "CKM_HKDF_DATA", 0x402C: "CKM_HKDF_KEY_GEN",
	0x03AC: "CKM_SP800_108_COUNTER_KDF", 0x03AD: "CKM_SP800_108_FEEDBACK_KDF", 0x03AE: "CKM_SP800_108_DOUBLE_PIPELINE_KDF",
	0x1047: "CKM_ECDSA_SHA3_224", 0x1048: "CKM_ECDSA_SHA3_256", 0x1049: "CKM_ECDSA_SHA3_384", 0x104A: "CKM_ECDSA_SHA3_512",
	0x1055: "CKM_EC_EDWARDS_KEY_PAIR_GEN", 0x1056: "CKM_EC_MONTGOMERY_KEY_PAIR_GEN", 0x1057: "CKM_EDDSA",
}

// again are second names of a number.
var again = map[string]uint{"CKM_EC_KEY_PAIR_GEN": pkcs11.CKM_EC_KEY_PAIR_GEN, "CKM_ECDSA_KEY_PAIR_GEN": pkcs11.CKM_EC_KEY_PAIR_GEN}

func init() {
	for n, s := range newer {
		if mechanismNames[n] == "" {
			mechanismNames[n] = s
		}
	}
}

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
func MechanismNamed(name string) (uint, bool) {
	if n, ok := again[name]; ok {
		return n, true
	}
	return number(mechanismNames, name)
}

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
