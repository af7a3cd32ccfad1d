package cryptoki

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long ulong_t;
typedef struct { ulong_t type; void *value; ulong_t len; } attribute;
typedef struct { unsigned char major, minor; void *call[72]; } functions; // CK_FUNCTION_LIST(_3_0)
typedef struct { const char *name; functions *list; ulong_t flags; } interface; // CK_INTERFACE

// Places in the function list, in the order of the standard's pkcs11f.h.
enum { GetAttributeValue = 24, WaitForSlotEvent = 67, LoginUser = 70, SessionCancel = 71 };
enum { NotSupported = 0x54, HostMemory = 2, TypeInvalid = 0x12, Sensitive = 0x11 };

typedef struct { functions *v2, *v3; } library;

static int library_open(const char *path, library *l) {
	void *h = dlopen(path, RTLD_NOW | RTLD_LOCAL); // loaded already: the same library once more
	if (h == NULL) return 0;
	ulong_t (*list)(functions **) = dlsym(h, "C_GetFunctionList");
	if (list == NULL || list(&l->v2) != 0) return 0;
	ulong_t (*get)(const char *, void *, interface **, ulong_t) = dlsym(h, "C_GetInterface");
	unsigned char version[2] = {3, 0};
	interface *i = NULL;
	if (get != NULL && get("PKCS 11", version, &i, 0) == 0 && i != NULL) l->v3 = i->list;
	return 1;
}

static ulong_t library_lengths(library *l, ulong_t session, ulong_t object, attribute *a, ulong_t n) {
	ulong_t (*call)(ulong_t, ulong_t, attribute *, ulong_t) = l->v2->call[GetAttributeValue];
	return call(session, object, a, n);
}

// library_values asks for the lengths, then for the values of what has one.
static ulong_t library_values(library *l, ulong_t session, ulong_t object, attribute *a, ulong_t n) {
	ulong_t rv = library_lengths(l, session, object, a, n);
	if (rv != 0 && rv != TypeInvalid && rv != Sensitive) return rv;
	for (ulong_t i = 0; i < n; i++) {
		if (a[i].len == (ulong_t)-1 || a[i].len == 0) continue;
		if ((a[i].value = calloc(1, a[i].len)) == NULL) return HostMemory;
	}
	return library_lengths(l, session, object, a, n);
}

static ulong_t library_event(library *l, ulong_t flags, ulong_t *slot) {
	ulong_t (*call)(ulong_t, ulong_t *, void *) = l->v2->call[WaitForSlotEvent];
	return call(flags, slot, NULL);
}

static ulong_t library_login_user(library *l, ulong_t session, ulong_t type, void *pin, ulong_t pinLen, void *user, ulong_t userLen) {
	if (l->v3 == NULL) return NotSupported;
	ulong_t (*call)(ulong_t, ulong_t, void *, ulong_t, void *, ulong_t) = l->v3->call[LoginUser];
	return call(session, type, pin, pinLen, user, userLen);
}

static ulong_t library_cancel(library *l, ulong_t session, ulong_t flags) {
	if (l->v3 == NULL) return NotSupported;
	ulong_t (*call)(ulong_t, ulong_t) = l->v3->call[SessionCancel];
	return call(session, flags);
}
*/
import "C"

import (
	"unsafe"

	"github.com/miekg/pkcs11"
)

// library is a loaded library: miekg's Ctx, and beside it the functions that Ctx hides.
// Nested templates come as the library gives them, with C pointers inside.
type library struct {
	*pkcs11.Ctx
	c C.library
}

// newLibrary loads the library at path; nil when it cannot be loaded.
func newLibrary(path string) *library {
	ctx := pkcs11.New(path)
	if ctx == nil {
		return nil
	}
	l := &library{Ctx: ctx}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	if C.library_open(name, &l.c) == 0 {
		ctx.Destroy()
		return nil
	}
	return l
}

func (l *library) AttributeValues(sh pkcs11.SessionHandle, o pkcs11.ObjectHandle, types []uint) ([]AttributeValue, error) {
	if len(types) == 0 {
		return nil, returned(C.library_lengths(&l.c, C.ulong_t(sh), C.ulong_t(o), nil, 0))
	}
	template := make([]C.attribute, len(types))
	for i, typ := range types {
		template[i]._type = C.ulong_t(typ)
	}
	err := returned(C.library_values(&l.c, C.ulong_t(sh), C.ulong_t(o), &template[0], C.ulong_t(len(types))))
	out := make([]AttributeValue, len(types))
	for i, a := range template {
		out[i] = AttributeValue{Type: types[i], Unavailable: a.len == ^C.ulong_t(0)}
		if a.value == nil {
			continue
		}
		if !out[i].Unavailable {
			out[i].Value = C.GoBytes(a.value, C.int(a.len))
		}
		C.free(a.value)
	}
	if !Partial(err) {
		return nil, err
	}
	return out, err
}

func (l *library) SlotEvent(flags uint) (uint, error) {
	var slot C.ulong_t
	err := returned(C.library_event(&l.c, C.ulong_t(flags), &slot))
	return uint(slot), err
}

func (l *library) LoginUser(sh pkcs11.SessionHandle, userType uint, PIN, user string) error {
	pin, name := C.CString(PIN), C.CString(user)
	defer C.free(unsafe.Pointer(name))
	defer func() {
		C.memset(unsafe.Pointer(pin), 0, C.size_t(len(PIN)))
		C.free(unsafe.Pointer(pin))
	}()
	return returned(C.library_login_user(&l.c, C.ulong_t(sh), C.ulong_t(userType),
		unsafe.Pointer(pin), C.ulong_t(len(PIN)), unsafe.Pointer(name), C.ulong_t(len(user))))
}

func (l *library) SessionCancel(sh pkcs11.SessionHandle, flags uint) error {
	return returned(C.library_cancel(&l.c, C.ulong_t(sh), C.ulong_t(flags)))
}

func returned(rv C.ulong_t) error {
	if rv == pkcs11.CKR_OK {
		return nil
	}
	return pkcs11.Error(rv)
}
