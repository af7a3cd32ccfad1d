package cryptoki

import "github.com/miekg/pkcs11"

// KDF holds the parameters of the key derivations of NIST SP 800-108: PKCS #11 v3.0
// §2.42, CK_SP800_108_KDF_PARAMS and CK_SP800_108_FEEDBACK_KDF_PARAMS.
type KDF struct {
	PRF    uint // CKM_ of a MAC
	Fields []KDFField
	IV     []byte
}

// KDFField is one part of what the PRF is asked for: CK_PRF_DATA_PARAM.
type KDFField struct {
	Kind         uint
	Bits         uint // of a number, in whole bytes; 0 where the field is none
	LittleEndian bool
	OfBlocks     bool // a length counts all that the PRF gives, not the key alone
	Bytes        []byte
}

// Kinds of a field: CK_SP800_108_…
const (
	IterationVariable uint = 1 + iota
	OptionalCounter
	KeyLength
	ByteArray
)

const (
	maxFields = 16
	fieldSize = 24
)

// KDFParameter reads the raw structure, with an IV for the feedback mode. Additional keys
// are refused.
func KDFParameter(m *pkcs11.Mechanism, feedback bool) (k KDF, err error) {
	size, more := 40, 3
	if feedback {
		size, more = 56, 5
	}
	w, err := readWords(m.Parameter, size)
	if err != nil || generator(m) != nil || w[1] > maxFields || w[more] != 0 {
		return KDF{}, invalidParameter
	}
	k.PRF = uint(w[0])
	if feedback {
		if k.IV, err = w.bytes(4, 3, maxDerivation); err != nil {
			return KDF{}, err
		}
	}
	w[1] *= fieldSize
	raw, err := w.bytes(2, 1, maxFields*fieldSize)
	for ; err == nil && len(raw) > 0; raw = raw[fieldSize:] {
		var f KDFField
		f, err = kdfField(raw[:fieldSize])
		k.Fields = append(k.Fields, f)
	}
	if err != nil {
		return KDF{}, invalidParameter
	}
	return k, nil
}

func kdfField(raw []byte) (f KDFField, err error) {
	w, err := readWords(raw, fieldSize)
	if err != nil {
		return KDFField{}, err
	}
	f.Kind = uint(w[0])
	value, err := w.bytes(1, 2, maxDerivation)
	most, flag := uint(32), 0
	switch {
	case err != nil:
		return KDFField{}, err
	case f.Kind == ByteArray:
		f.Bytes = value
		return f, nil
	case f.Kind == IterationVariable && len(value) == 0:
		return f, nil
	case f.Kind == KeyLength && len(value) == 24:
		most, flag = 64, 8
	case f.Kind != IterationVariable && f.Kind != OptionalCounter || len(value) != 16:
		return KDFField{}, invalidParameter
	}
	n, err := readWords(value, len(value))
	if err != nil {
		return KDFField{}, err
	}
	f.LittleEndian, f.Bits = value[flag] != 0, uint(n[flag/8+1])
	f.OfBlocks = flag != 0 && n[0] == 2
	if f.Bits == 0 || f.Bits%8 != 0 || f.Bits > most || flag != 0 && (n[0] < 1 || n[0] > 2) {
		return KDFField{}, invalidParameter
	}
	return f, nil
}
