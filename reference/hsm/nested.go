package hsm

import (
	"runtime"
	"unsafe"

	"github.com/miekg/pkcs11"
)

// The structures of PKCS#11 that hold pointers, as C lays them out: CK_ULONG is as
// wide as a pointer on every platform with dlopen. miekg/pkcs11 copies the bytes; what
// they point to must stay where it is, and alive, until the call returns: that is the
// Pinner's work.

// ckAttribute is CK_ATTRIBUTE (PKCS#11 v2.40 §4.1).
type ckAttribute struct {
	typ    uint
	value  unsafe.Pointer
	length uint
}

// ckDerivationData is CK_KEY_DERIVATION_STRING_DATA (PKCS#11 mechanisms v2.40 §2.15).
type ckDerivationData struct {
	data   unsafe.Pointer
	length uint
}

// nested makes the CKA_UNWRAP_TEMPLATE that holds attrs.
func nested(p *runtime.Pinner, attrs []*pkcs11.Attribute) *pkcs11.Attribute {
	array := make([]ckAttribute, len(attrs))
	for i, a := range attrs {
		array[i] = ckAttribute{typ: a.Type, length: uint(len(a.Value))}
		if len(a.Value) > 0 {
			p.Pin(&a.Value[0])
			array[i].value = unsafe.Pointer(&a.Value[0])
		}
	}
	p.Pin(&array[0])
	size := len(array) * int(unsafe.Sizeof(array[0]))
	return &pkcs11.Attribute{
		Type:  pkcs11.CKA_UNWRAP_TEMPLATE,
		Value: unsafe.Slice((*byte)(unsafe.Pointer(&array[0])), size),
	}
}

// derivation is a mechanism whose parameter points to data, which is not empty.
func derivation(p *runtime.Pinner, mechanism uint, data []byte) []*pkcs11.Mechanism {
	p.Pin(&data[0])
	param := &ckDerivationData{data: unsafe.Pointer(&data[0]), length: uint(len(data))}
	p.Pin(param)
	raw := unsafe.Slice((*byte)(unsafe.Pointer(param)), unsafe.Sizeof(*param))
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, raw)}
}
