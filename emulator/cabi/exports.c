// The C functions of libepsemu.so. Each asks whether the process has forked since it loaded
// the library, and then enters Go: a child has none of Go's threads, and would hang there.
// Four of them answer without Go where a program asks for a length that is known.
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "_cgo_export.h"

static volatile sig_atomic_t forked;

static void in_child(void) { forked = 1; }

int epsemu_forked(void) { return forked; }

epsemu_length epsemu_lengths[EPSEMU_LENGTHS];

// length is what a function gives for so many bytes; 0: C does not know.
static CK_ULONG length(unsigned rule, CK_ULONG n, CK_ULONG inLen) {
	switch (rule) {
	case EPSEMU_FIXED: return n;
	case EPSEMU_BLOCKS: return inLen % n == 0 ? inLen : 0;
	case EPSEMU_PADDED: return inLen - inLen % n + n;
	}
	return 0;
}

// told answers a call that asks for the length, or has too little room, where the length is
// known: the operation goes on, and Go sees the call that fetches the result only.
static int told(unsigned function, CK_SESSION, CK_IN, CK_OUT, CK_RV *rv) {
	const CK_ULONG most = 1UL << 30; // bytes: what is longer is Go's to refuse
	if (outLen == NULL || inLen > most || (in == NULL && inLen > 0)) return 0;
	unsigned long long word = __atomic_load_n(&epsemu_lengths[session % EPSEMU_LENGTHS].word, __ATOMIC_ACQUIRE);
	if (word >> 24 != session || (word >> 16 & 0xFF) != function) return 0;
	CK_ULONG n = length(word >> 12 & 0xF, word & 0xFFF, inLen);
	if (n == 0 || (out != NULL && *outLen >= n)) return 0;
	*outLen = n;
	*rv = out == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
	return 1;
}

#define EXPORT(name, params, args) \
	CK_RV C_##name params { return forked ? CKR_GENERAL_ERROR : epsemu_##name args; }

#define TELL(name, params, args) \
	CK_RV C_##name params { \
		CK_RV rv; \
		if (forked) return CKR_GENERAL_ERROR; \
		return told(EPSEMU_##name, session, in, inLen, out, outLen, &rv) ? rv : epsemu_##name args; \
	}
FUNCTIONS(EXPORT, TELL)

// Functions of v1.0 that v2.40 keeps as names (§5.16).
CK_RV C_GetFunctionStatus(CK_ULONG session) { (void)session; return CKR_FUNCTION_NOT_PARALLEL; }
CK_RV C_CancelFunction(CK_ULONG session) { (void)session; return CKR_FUNCTION_NOT_PARALLEL; }

// The message functions of v3.0.
static CK_RV not_supported(void) { return CKR_FUNCTION_NOT_SUPPORTED; }

typedef struct { CK_VERSION version; void *call[92]; } function_list;
typedef struct { const char *name; void *list; CK_ULONG flags; } interface;

CK_RV C_GetFunctionList(function_list **list);
CK_RV C_GetInterfaceList(interface *list, CK_ULONG *count);
CK_RV C_GetInterface(const char *name, CK_VERSION *version, interface **found, CK_ULONG flags);

#define AT(name) (void *)C_##name

// BOTH is the list of v2.40; that of v3.0 begins with it.
#define BOTH \
	AT(Initialize), AT(Finalize), AT(GetInfo), AT(GetFunctionList), AT(GetSlotList), AT(GetSlotInfo), AT(GetTokenInfo), \
	AT(GetMechanismList), AT(GetMechanismInfo), AT(InitToken), AT(InitPIN), AT(SetPIN), AT(OpenSession), AT(CloseSession), \
	AT(CloseAllSessions), AT(GetSessionInfo), AT(GetOperationState), AT(SetOperationState), AT(Login), AT(Logout), \
	AT(CreateObject), AT(CopyObject), AT(DestroyObject), AT(GetObjectSize), AT(GetAttributeValue), AT(SetAttributeValue), \
	AT(FindObjectsInit), AT(FindObjects), AT(FindObjectsFinal), AT(EncryptInit), AT(Encrypt), AT(EncryptUpdate), \
	AT(EncryptFinal), AT(DecryptInit), AT(Decrypt), AT(DecryptUpdate), AT(DecryptFinal), AT(DigestInit), AT(Digest), \
	AT(DigestUpdate), AT(DigestKey), AT(DigestFinal), AT(SignInit), AT(Sign), AT(SignUpdate), AT(SignFinal), \
	AT(SignRecoverInit), AT(SignRecover), AT(VerifyInit), AT(Verify), AT(VerifyUpdate), AT(VerifyFinal), \
	AT(VerifyRecoverInit), AT(VerifyRecover), AT(DigestEncryptUpdate), AT(DecryptDigestUpdate), AT(SignEncryptUpdate), \
	AT(DecryptVerifyUpdate), AT(GenerateKey), AT(GenerateKeyPair), AT(WrapKey), AT(UnwrapKey), AT(DeriveKey), \
	AT(SeedRandom), AT(GenerateRandom), AT(GetFunctionStatus), AT(CancelFunction), AT(WaitForSlotEvent)

#define NO (void *)not_supported

static function_list v2 = {{2, 40}, {BOTH}};
static function_list v3 = {{3, 0}, {BOTH, AT(GetInterfaceList), AT(GetInterface), AT(LoginUser), AT(SessionCancel),
	NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO}};
static interface interfaces[] = {{"PKCS 11", &v3, 0}, {"PKCS 11", &v2, 0}};

// Go's runtime takes SIGURG for itself, to interrupt its goroutines. In a host that is a Go
// program too, that would end the host's own interruptions: so both get the signal.
static struct sigaction before, ours;

static void both(int sig, siginfo_t *info, void *context) {
	ours.sa_sigaction(sig, info, context);
	if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(sig, info, context);
		else before.sa_handler(sig);
	}
}

// before_go runs before Go's runtime starts.
__attribute__((constructor(101))) static void before_go(void) {
	sigaction(SIGURG, NULL, &before);
	pthread_atfork(NULL, NULL, in_child);
}

static void chain(void) {
	epsemu_started(); // Go's runtime has its handlers now
	struct sigaction now;
	sigaction(SIGURG, NULL, &now);
	if (now.sa_handler == before.sa_handler || !(now.sa_flags & SA_SIGINFO)) return;
	ours = now;
	now.sa_sigaction = both;
	sigaction(SIGURG, &now, NULL);
}

static pthread_once_t chained = PTHREAD_ONCE_INIT;

CK_RV C_GetFunctionList(function_list **list) {
	if (list == NULL) return CKR_ARGUMENTS_BAD;
	if (!forked) pthread_once(&chained, chain);
	*list = &v2;
	return CKR_OK;
}

CK_RV C_GetInterfaceList(interface *list, CK_ULONG *count) {
	const CK_ULONG have = sizeof interfaces / sizeof *interfaces;
	if (count == NULL) return CKR_ARGUMENTS_BAD;
	if (!forked) pthread_once(&chained, chain);
	CK_ULONG room = *count;
	*count = have;
	if (list == NULL) return CKR_OK;
	if (room < have) return CKR_BUFFER_TOO_SMALL;
	memcpy(list, interfaces, sizeof interfaces);
	return CKR_OK;
}

CK_RV C_GetInterface(const char *name, CK_VERSION *version, interface **found, CK_ULONG flags) {
	if (found == NULL) return CKR_ARGUMENTS_BAD;
	if (!forked) pthread_once(&chained, chain);
	*found = NULL;
	for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++) {
		CK_VERSION *have = &((function_list *)interfaces[i].list)->version;
		if (name != NULL && strcmp(name, interfaces[i].name) != 0) continue;
		if (version != NULL && (version->major != have->major || version->minor != have->minor)) continue;
		if ((flags & interfaces[i].flags) != flags) continue;
		*found = &interfaces[i];
		return CKR_OK;
	}
	return CKR_ARGUMENTS_BAD;
}
