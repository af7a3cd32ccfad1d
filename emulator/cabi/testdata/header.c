// Holds pkcs11.h of libepsemu.so against p11-kit's. That this compiles is one half: the same
// sizes, places, codes and parameters. The other half is the list of the library that is its
// argument: each function is in the place that p11-kit calls by its name.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stddef.h>
#include <stdio.h>

enum { ok = CKR_OK, general = CKR_GENERAL_ERROR, parallel = CKR_FUNCTION_NOT_PARALLEL, unsupported = CKR_FUNCTION_NOT_SUPPORTED, arguments = CKR_ARGUMENTS_BAD,
	small = CKR_BUFFER_TOO_SMALL };

#undef CKR_OK
#undef CKR_GENERAL_ERROR
#undef CKR_FUNCTION_NOT_PARALLEL
#undef CKR_FUNCTION_NOT_SUPPORTED
#undef CKR_ARGUMENTS_BAD
#undef CKR_BUFFER_TOO_SMALL
#define CK_BYTE OUR_BYTE
#define CK_ULONG OUR_ULONG
#define CK_RV OUR_RV
#define CK_VERSION OUR_VERSION
#define CK_INFO OUR_INFO
#define CK_SLOT_INFO OUR_SLOT_INFO
#define CK_TOKEN_INFO OUR_TOKEN_INFO
#define CK_SESSION_INFO OUR_SESSION_INFO
#define CK_MECHANISM_INFO OUR_MECHANISM_INFO
#define CK_MECHANISM OUR_MECHANISM
#define CK_ATTRIBUTE OUR_ATTRIBUTE
#define CK_C_INITIALIZE_ARGS OUR_C_INITIALIZE_ARGS
#include "../pkcs11.h"
#undef CK_BYTE
#undef CK_ULONG
#undef CK_RV
#undef CK_VERSION
#undef CK_INFO
#undef CK_SLOT_INFO
#undef CK_TOKEN_INFO
#undef CK_SESSION_INFO
#undef CK_MECHANISM_INFO
#undef CK_MECHANISM
#undef CK_ATTRIBUTE
#undef CK_C_INITIALIZE_ARGS

#define SAME(name) _Static_assert(sizeof(OUR_##name) == sizeof(CK_##name), #name);
#define FIELD(type, name) _Static_assert(offsetof(OUR_##type, name) == offsetof(CK_##type, name) \
	&& sizeof(((OUR_##type *)0)->name) == sizeof(((CK_##type *)0)->name), #type " " #name);
#define CODE(code, value) _Static_assert(code == value, #code);

SAME(BYTE) SAME(ULONG) SAME(RV) SAME(VERSION) SAME(INFO) SAME(SLOT_INFO) SAME(TOKEN_INFO) SAME(SESSION_INFO)
SAME(MECHANISM_INFO) SAME(MECHANISM) SAME(ATTRIBUTE) SAME(C_INITIALIZE_ARGS)
FIELD(VERSION, major) FIELD(VERSION, minor)
FIELD(INFO, cryptokiVersion) FIELD(INFO, manufacturerID) FIELD(INFO, flags) FIELD(INFO, libraryDescription) FIELD(INFO, libraryVersion)
FIELD(SLOT_INFO, slotDescription) FIELD(SLOT_INFO, manufacturerID) FIELD(SLOT_INFO, flags) FIELD(SLOT_INFO, hardwareVersion)
FIELD(SLOT_INFO, firmwareVersion)
FIELD(TOKEN_INFO, label) FIELD(TOKEN_INFO, manufacturerID) FIELD(TOKEN_INFO, model) FIELD(TOKEN_INFO, serialNumber) FIELD(TOKEN_INFO, flags)
FIELD(TOKEN_INFO, ulMaxSessionCount) FIELD(TOKEN_INFO, ulSessionCount) FIELD(TOKEN_INFO, ulMaxRwSessionCount)
FIELD(TOKEN_INFO, ulRwSessionCount) FIELD(TOKEN_INFO, ulMaxPinLen) FIELD(TOKEN_INFO, ulMinPinLen) FIELD(TOKEN_INFO, ulTotalPublicMemory)
FIELD(TOKEN_INFO, ulFreePublicMemory) FIELD(TOKEN_INFO, ulTotalPrivateMemory) FIELD(TOKEN_INFO, ulFreePrivateMemory)
FIELD(TOKEN_INFO, hardwareVersion) FIELD(TOKEN_INFO, firmwareVersion) FIELD(TOKEN_INFO, utcTime)
FIELD(SESSION_INFO, slotID) FIELD(SESSION_INFO, state) FIELD(SESSION_INFO, flags) FIELD(SESSION_INFO, ulDeviceError)
FIELD(MECHANISM_INFO, ulMinKeySize) FIELD(MECHANISM_INFO, ulMaxKeySize) FIELD(MECHANISM_INFO, flags)
FIELD(MECHANISM, mechanism) FIELD(MECHANISM, pParameter) FIELD(MECHANISM, ulParameterLen)
FIELD(ATTRIBUTE, type) FIELD(ATTRIBUTE, pValue) FIELD(ATTRIBUTE, ulValueLen)
FIELD(C_INITIALIZE_ARGS, CreateMutex) FIELD(C_INITIALIZE_ARGS, DestroyMutex) FIELD(C_INITIALIZE_ARGS, LockMutex)
FIELD(C_INITIALIZE_ARGS, UnlockMutex) FIELD(C_INITIALIZE_ARGS, flags) FIELD(C_INITIALIZE_ARGS, pReserved)
CODE(ok, CKR_OK) CODE(general, CKR_GENERAL_ERROR) CODE(parallel, CKR_FUNCTION_NOT_PARALLEL)
CODE(unsupported, CKR_FUNCTION_NOT_SUPPORTED) CODE(arguments, CKR_ARGUMENTS_BAD) CODE(small, CKR_BUFFER_TOO_SMALL)


// A second declaration has to agree with p11-kit's. A pointer to a function, which only
// C_OpenSession has, is any pointer to the library.
#define C_OpenSession C_OpenSession_
#define DECLARE(name, parameters, arguments) CK_RV C_##name parameters;
FUNCTIONS(DECLARE, DECLARE)
#undef C_OpenSession

typedef struct { CK_VERSION version; void *call[92]; } list;
typedef struct { const char *name; list *functions; CK_FLAGS flags; } interface;

static int wrong;

static void same(const char *name, void *listed, void *exported) {
	if (listed == exported && listed != NULL) return;
	fprintf(stderr, "C_%s is not where it is called\n", name);
	wrong = 1;
}

int main(int argc, char **argv) {
	void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	if (library == NULL) return 2;
	CK_FUNCTION_LIST *v2;
	interface *v3;
	CK_RV (*get)(const char *, CK_VERSION *, interface **, CK_FLAGS) = dlsym(library, "C_GetInterface");
	CK_VERSION three = {3, 0};
	if (((CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList"))(&v2) != ok || get("PKCS 11", &three, &v3, 0) != ok) return 2;
#define LISTED(name, parameters, arguments) same(#name, v2->C_##name, dlsym(library, "C_" #name));
	FUNCTIONS_V2(LISTED, LISTED)
	LISTED(GetFunctionList, , ) LISTED(GetFunctionStatus, , ) LISTED(CancelFunction, , )
	// v3.0 goes on where v2.40 ends.
	for (size_t i = 0; i < 68; i++) same("of v2.40 in v3.0", v3->functions->call[i], ((list *)v2)->call[i]);
	static const char *const more[] = {"C_GetInterfaceList", "C_GetInterface", "C_LoginUser", "C_SessionCancel"};
	for (size_t i = 0; i < 4; i++) same(more[i] + 2, v3->functions->call[68 + i], dlsym(library, more[i]));
	for (size_t i = 72; i < 92; i++)
		if (((CK_RV (*)(void))v3->functions->call[i])() != unsupported) wrong = 1;
	return wrong;
}
