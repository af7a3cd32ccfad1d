package cryptoki

import (
	"reflect"
	"testing"

	"github.com/miekg/pkcs11"
)

// The mirrors of miekg/pkcs11's structures must have its fields, of the same
// types in the same places: this fails when a new version changes them.
func TestLayoutOfMiekg(t *testing.T) {
	for _, c := range []struct{ real, mirror reflect.Type }{
		{reflect.TypeFor[pkcs11.Mechanism](), reflect.TypeFor[mechanismLayout]()},
		{reflect.TypeFor[pkcs11.GCMParams](), reflect.TypeFor[gcmLayout]()},
	} {
		if c.real.Size() != c.mirror.Size() || c.real.NumField() != c.mirror.NumField() {
			t.Fatalf("%v has %d fields, %d bytes", c.real, c.real.NumField(), c.real.Size())
		}
		for i := range c.real.NumField() {
			r, m := c.real.Field(i), c.mirror.Field(i)
			if r.Offset != m.Offset || kind(r.Type) != kind(m.Type) || r.Type.Size() != m.Type.Size() {
				t.Errorf("%v: field %d is %s %v at %d, not %v at %d", c.real, i, r.Name, r.Type, r.Offset, m.Type, m.Offset)
			}
		}
	}
	for i, name := range []string{"arena", "params", "iv", "aad", "tagSize"} {
		if got := reflect.TypeFor[pkcs11.GCMParams]().Field(i).Name; got != name {
			t.Errorf("field %d of GCMParams is %s, not %s", i, got, name)
		}
	}
}

// kind takes every pointer for the same.
func kind(t reflect.Type) reflect.Kind {
	if t.Kind() == reflect.Pointer {
		return reflect.UnsafePointer
	}
	return t.Kind()
}
