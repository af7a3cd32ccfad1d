// The functions that vendors have beyond the standard. In front of another module they stay
// reachable through this library: each name of vendor.h jumps to the function of that name
// in the module, whatever its arguments are; where there is none, it answers
// CKR_FUNCTION_NOT_SUPPORTED.
#include <dlfcn.h>
#include <stddef.h>

#include "_cgo_export.h"
#include "vendor.h"

int epsemu_forked(void); // in exports.c

static CK_RV absent(void) { return CKR_FUNCTION_NOT_SUPPORTED; }
static CK_RV general(void) { return CKR_GENERAL_ERROR; }

#define NAME(name) #name,
static const char *const names[] = {VENDOR(NAME)};

// What the jumps of vendor_jump.S go through; NULL as long as nobody has asked.
__attribute__((visibility("hidden"))) void *epsemu_vendor_places[sizeof names / sizeof *names];

// epsemu_vendor_find finds the function behind a name for the jump that asks for the first
// time. Only what is found is remembered: before C_Initialize nothing is.
__attribute__((visibility("hidden"))) void *epsemu_vendor_find(unsigned long number) {
	if (epsemu_forked()) return general;
	char path[4096];
	if (!epsemu_backend(path, sizeof path)) return absent;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL); // loaded already: once more the same
	void *found = library != NULL ? dlsym(library, names[number]) : NULL;
	if (found == NULL) return absent;
	__atomic_store_n(&epsemu_vendor_places[number], found, __ATOMIC_RELEASE);
	return found;
}
