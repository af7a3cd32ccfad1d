package cryptoki

import (
	"bytes"
	"runtime"
	"unsafe"

	"github.com/miekg/pkcs11"
)

// Limits of what a parameter may carry. The pointers inside a raw structure are
// trusted, as C trusts them; their lengths are not.
const (
	maxIV         = 256     // bytes of an IV
	maxAAD        = 1 << 20 // bytes of associated data
	maxLabel      = 1 << 10 // bytes of an OAEP label
	maxDerivation = 1 << 16 // bytes of derivation data
	maxNested     = 64      // attributes of a nested template
	maxNestedLen  = 1 << 12 // bytes of one of its values
)

// The raw layouts below are those of 64-bit platforms.
const _ = uint(unsafe.Sizeof(uintptr(0)) - 8)

// GCM holds the parameters of CKM_AES_GCM (CK_GCM_PARAMS).
type GCM struct {
	IV, AAD []byte
	TagBits uint
}

// OAEP holds the parameters of CKM_RSA_PKCS_OAEP (CK_RSA_PKCS_OAEP_PARAMS).
type OAEP struct {
	Hash  uint // CKM_ of the digest
	MGF   uint // CKG_ of the mask generation function
	Label []byte
}

// NoParameter accepts a mechanism that carries none.
func NoParameter(m *pkcs11.Mechanism) error {
	if len(m.Parameter) != 0 || generator(m) != nil {
		return invalidParameter
	}
	return nil
}

// IV reads a parameter that is an initialisation vector of n bytes: the caller's
// own, not a copy.
func IV(m *pkcs11.Mechanism, n int) ([]byte, error) {
	if len(m.Parameter) != n || generator(m) != nil {
		return nil, invalidParameter
	}
	return m.Parameter, nil
}

// GCMParameter reads miekg's *GCMParams or a raw CK_GCM_PARAMS. An absent IV is
// refused: a token that takes it for zeros repeats it.
func GCMParameter(m *pkcs11.Mechanism) (GCM, error) {
	g, err := GCMGiven(m)
	if err != nil || len(g.IV) == 0 {
		return GCM{}, invalidParameter
	}
	return g, nil
}

// GCMGiven reads the same, and leaves it to the caller what an absent IV means.
func GCMGiven(m *pkcs11.Mechanism) (GCM, error) {
	var g GCM
	switch p := generator(m).(type) {
	case *pkcs11.GCMParams:
		if p == nil {
			return GCM{}, invalidParameter
		}
		f := (*gcmLayout)(unsafe.Pointer(p))
		if f.tagSize < 0 {
			return GCM{}, invalidParameter
		}
		g = GCM{bytes.Clone(f.iv), bytes.Clone(f.aad), uint(f.tagSize)}
	case nil:
		w, err := readWords(m.Parameter, 48)
		if err != nil {
			return GCM{}, err
		}
		// w[2] is ulIvBits, which some callers leave zero.
		if g.IV, err = w.bytes(0, 1, maxIV); err != nil {
			return GCM{}, err
		}
		if g.AAD, err = w.bytes(3, 4, maxAAD); err != nil {
			return GCM{}, err
		}
		g.TagBits = uint(w[5])
	default:
		return GCM{}, invalidParameter
	}
	if len(g.IV) > maxIV || len(g.AAD) > maxAAD || g.TagBits > 128 {
		return GCM{}, invalidParameter
	}
	return g, nil
}

// OAEPParameter reads miekg's *OAEPParams or a raw CK_RSA_PKCS_OAEP_PARAMS.
func OAEPParameter(m *pkcs11.Mechanism) (OAEP, error) {
	var o OAEP
	var source uint
	switch p := generator(m).(type) {
	case *pkcs11.OAEPParams:
		if p == nil {
			return OAEP{}, invalidParameter
		}
		o = OAEP{p.HashAlg, p.MGF, bytes.Clone(p.SourceData)}
		source = p.SourceType
	case nil:
		w, err := readWords(m.Parameter, 40)
		if err != nil {
			return OAEP{}, err
		}
		label, err := w.bytes(3, 4, maxLabel)
		if err != nil {
			return OAEP{}, err
		}
		o = OAEP{uint(w[0]), uint(w[1]), label}
		source = uint(w[2])
	default:
		return OAEP{}, invalidParameter
	}
	// A source of 0 means an empty label.
	noLabel := source == 0 && len(o.Label) == 0
	if (source != pkcs11.CKZ_DATA_SPECIFIED && !noLabel) || len(o.Label) > maxLabel {
		return OAEP{}, invalidParameter
	}
	return o, nil
}

// DerivationData reads a raw CK_KEY_DERIVATION_STRING_DATA, the parameter of
// CKM_AES_ECB_ENCRYPT_DATA. It is never empty.
func DerivationData(m *pkcs11.Mechanism) ([]byte, error) {
	w, err := readWords(m.Parameter, 16)
	if err != nil || generator(m) != nil {
		return nil, invalidParameter
	}
	return w.some(0, 1)
}

// CBCDerivationData reads a raw CK_AES_CBC_ENCRYPT_DATA_PARAMS or, with n = 8,
// CK_DES_CBC_ENCRYPT_DATA_PARAMS: an IV of n bytes and data that is never empty.
func CBCDerivationData(m *pkcs11.Mechanism, n int) (iv, data []byte, err error) {
	w, err := readWords(m.Parameter, n+16)
	if err != nil || generator(m) != nil {
		return nil, nil, invalidParameter
	}
	data, err = w.some(n/8, n/8+1)
	return bytes.Clone(m.Parameter[:n]), data, err
}

// NestedTemplate reads the value of CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE or
// CKA_DERIVE_TEMPLATE: an array of C's CK_ATTRIBUTE.
func NestedTemplate(value []byte) ([]*pkcs11.Attribute, error) {
	if len(value)%attributeSize != 0 || len(value) > maxNested*attributeSize {
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	out := make([]*pkcs11.Attribute, 0, len(value)/attributeSize)
	for ; len(value) > 0; value = value[attributeSize:] {
		w, err := readWords(value[:attributeSize], attributeSize)
		if err != nil {
			return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		v, err := w.bytes(1, 2, maxNestedLen)
		if err != nil {
			return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		out = append(out, &pkcs11.Attribute{Type: uint(w[0]), Value: v})
	}
	return out, nil
}

// PinDerivationData builds the parameter that DerivationData reads. Data must
// not move or change until the call is over: p.Unpin ends that.
func PinDerivationData(p *runtime.Pinner, data []byte) []byte {
	out := make([]byte, 16)
	putPointer(p, out, data)
	putUint(out[8:], uint64(len(data)))
	return out
}

// PinTemplate builds the value that NestedTemplate reads, with the same duty as
// PinDerivationData.
func PinTemplate(p *runtime.Pinner, template []*pkcs11.Attribute) []byte {
	out := make([]byte, attributeSize*len(template))
	for i, a := range template {
		entry := out[attributeSize*i:]
		putUint(entry, uint64(a.Type))
		putPointer(p, entry[8:], a.Value)
		putUint(entry[16:], uint64(len(a.Value)))
	}
	return out
}

const (
	invalidParameter = pkcs11.Error(pkcs11.CKR_MECHANISM_PARAM_INVALID)
	attributeSize    = 24 // CK_ATTRIBUTE: type, pValue, ulValueLen
	firstPage        = 4096
)

// mechanismLayout is pkcs11.Mechanism with its hidden field in sight; gcmLayout
// is pkcs11.GCMParams. A test fails when miekg/pkcs11 changes either.
type (
	mechanismLayout struct {
		mechanism uint
		parameter []byte
		generator any
	}
	gcmLayout struct {
		arena   []unsafe.Pointer
		params  unsafe.Pointer
		iv      []byte
		aad     []byte
		tagSize int
	}
)

// generator is the Go value that miekg turns into a C parameter at call time.
func generator(m *pkcs11.Mechanism) any {
	return (*mechanismLayout)(unsafe.Pointer(m)).generator
}

// words is a raw structure, copied so that its fields are aligned.
type words [9]uint64

func readWords(raw []byte, size int) (w words, err error) {
	if len(raw) != size {
		return w, invalidParameter
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&w)), size), raw)
	return w, nil
}

// bytes copies what the pointer in word p and the length in word n say.
func (w *words) bytes(p, n int, most uint64) ([]byte, error) {
	if w[n] == 0 {
		return nil, nil
	}
	if w[n] > most || w[p] < firstPage {
		return nil, invalidParameter
	}
	ptr := *(*unsafe.Pointer)(unsafe.Pointer(&w[p]))
	return bytes.Clone(unsafe.Slice((*byte)(ptr), w[n])), nil
}

func (w *words) some(p, n int) ([]byte, error) {
	data, err := w.bytes(p, n, maxDerivation)
	if err == nil && len(data) == 0 {
		return nil, invalidParameter
	}
	return data, err
}

func putUint(out []byte, v uint64) {
	copy(out, unsafe.Slice((*byte)(unsafe.Pointer(&v)), 8))
}

func putPointer(p *runtime.Pinner, out, target []byte) {
	if len(target) == 0 {
		return
	}
	p.Pin(&target[0])
	putUint(out, uint64(uintptr(unsafe.Pointer(&target[0]))))
}
