package cryptoki

import "github.com/miekg/pkcs11"

// MACLength reads CK_MAC_GENERAL_PARAMS: how many bytes of a MAC the mechanisms
// whose names end in _GENERAL give.
func MACLength(m *pkcs11.Mechanism) (uint, error) {
	w, err := readWords(m.Parameter, 8)
	if err != nil || generator(m) != nil {
		return 0, invalidParameter
	}
	return uint(w[0]), nil
}
