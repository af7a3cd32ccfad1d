package cryptoki

import "github.com/miekg/pkcs11"

// Number reads a parameter that is one CK_ULONG: CK_MAC_GENERAL_PARAMS, the bytes of a
// MAC; CK_EXTRACT_PARAMS, a bit's place; CK_OBJECT_HANDLE, another key.
func Number(m *pkcs11.Mechanism) (uint, error) {
	w, err := readWords(m.Parameter, 8)
	if err != nil || generator(m) != nil {
		return 0, invalidParameter
	}
	return uint(w[0]), nil
}
