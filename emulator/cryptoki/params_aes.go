package cryptoki

import "github.com/miekg/pkcs11"

// CTR holds the parameters of CKM_AES_CTR (CK_AES_CTR_PARAMS).
type CTR struct {
	CounterBits uint // how many low bits of the block count, 1 to 128
	Block       [16]byte
}

// CCM holds the parameters of CKM_AES_CCM (CK_CCM_PARAMS).
type CCM struct {
	Data       uint // bytes of the data, without the MAC
	Nonce, AAD []byte
	MAC        uint // bytes
}

// CTRParameter reads a raw CK_AES_CTR_PARAMS.
func CTRParameter(m *pkcs11.Mechanism) (c CTR, err error) {
	w, err := readWords(m.Parameter, 24)
	if err != nil || generator(m) != nil || w[0] == 0 || w[0] > 128 {
		return CTR{}, invalidParameter
	}
	c.CounterBits = uint(w[0])
	copy(c.Block[:], m.Parameter[8:])
	return c, nil
}

// CCMParameter reads a raw CK_CCM_PARAMS. An absent nonce is refused: see GCMParameter.
func CCMParameter(m *pkcs11.Mechanism) (c CCM, err error) {
	w, err := readWords(m.Parameter, 48)
	if err != nil || generator(m) != nil {
		return CCM{}, invalidParameter
	}
	c.Data, c.MAC = uint(w[0]), uint(w[5])
	if c.Nonce, err = w.bytes(1, 2, maxIV); err != nil {
		return CCM{}, err
	}
	if c.AAD, err = w.bytes(3, 4, maxAAD); err != nil {
		return CCM{}, err
	}
	if len(c.Nonce) == 0 {
		return CCM{}, invalidParameter
	}
	return c, nil
}
