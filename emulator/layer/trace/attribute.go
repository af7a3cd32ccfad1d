package trace

import (
	"encoding/binary"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// shown are the attributes whose value a record holds: what a key is for, never
// what it is. All others are recorded by name and length.
var shown = map[uint]func([]byte) string{
	pkcs11.CKA_CLASS:               number,
	pkcs11.CKA_KEY_TYPE:            number,
	pkcs11.CKA_VALUE_LEN:           number,
	pkcs11.CKA_MODULUS_BITS:        number,
	pkcs11.CKA_LABEL:               text,
	pkcs11.CKA_TOKEN:               boolean,
	pkcs11.CKA_PRIVATE:             boolean,
	pkcs11.CKA_SENSITIVE:           boolean,
	pkcs11.CKA_EXTRACTABLE:         boolean,
	pkcs11.CKA_MODIFIABLE:          boolean,
	pkcs11.CKA_COPYABLE:            boolean,
	pkcs11.CKA_DESTROYABLE:         boolean,
	pkcs11.CKA_ENCRYPT:             boolean,
	pkcs11.CKA_DECRYPT:             boolean,
	pkcs11.CKA_SIGN:                boolean,
	pkcs11.CKA_SIGN_RECOVER:        boolean,
	pkcs11.CKA_VERIFY:              boolean,
	pkcs11.CKA_VERIFY_RECOVER:      boolean,
	pkcs11.CKA_WRAP:                boolean,
	pkcs11.CKA_UNWRAP:              boolean,
	pkcs11.CKA_DERIVE:              boolean,
	pkcs11.CKA_TRUSTED:             boolean,
	pkcs11.CKA_WRAP_WITH_TRUSTED:   boolean,
	pkcs11.CKA_ALWAYS_AUTHENTICATE: boolean,
}

func attributes(template []*pkcs11.Attribute) []Attribute {
	var out []Attribute
	for _, a := range template {
		if a == nil {
			continue
		}
		r := Attribute{Name: cryptoki.AttributeName(a.Type), Len: len(a.Value)}
		if show := shown[a.Type]; show != nil {
			r.Value = show(a.Value)
		}
		out = append(out, r)
	}
	return out
}

// number shows a CK_ULONG, the empty string for anything else.
func number(b []byte) string {
	if len(b) != 8 {
		return ""
	}
	return fmt.Sprint(binary.NativeEndian.Uint64(b))
}

// boolean shows a CK_BBOOL.
func boolean(b []byte) string {
	if len(b) != 1 {
		return ""
	}
	return fmt.Sprint(b[0] != 0)
}

// longestLabel is how much of a label a record keeps, bytes.
const longestLabel = 64

func text(b []byte) string {
	return fmt.Sprintf("%q", b[:min(len(b), longestLabel)])
}
