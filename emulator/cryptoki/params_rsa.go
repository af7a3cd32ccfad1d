package cryptoki

import "github.com/miekg/pkcs11"

// PSS holds the parameters of CKM_RSA_PKCS_PSS and of its kin (CK_RSA_PKCS_PSS_PARAMS).
type PSS struct {
	Hash uint // CKM_ of the digest
	MGF  uint // CKG_ of the mask generation function
	Salt uint // bytes
}

// PSSParameter reads a raw CK_RSA_PKCS_PSS_PARAMS, which miekg's NewPSSParams gives too.
func PSSParameter(m *pkcs11.Mechanism) (PSS, error) {
	w, err := readWords(m.Parameter, 24)
	if err != nil || generator(m) != nil {
		return PSS{}, invalidParameter
	}
	return PSS{Hash: uint(w[0]), MGF: uint(w[1]), Salt: uint(w[2])}, nil
}
