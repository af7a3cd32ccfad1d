// A C program that calls a PKCS#11 library with what no program should give it:
//
//	hostile LIBRARY SEED CALLS [heap|threads]
//
// Functions and arguments are drawn by the seed. It ends with 0 when each call has returned
// a code that says what was wrong. A buffer has the length that the library is told, and not
// a byte more: behind it is a page that nobody may touch or, with heap, the end of a piece of
// memory, for memcheck. With threads, eight do so at once on sessions and keys of each other.
//
// Lengths that are too great are so by far. A word inside of a parameter or an attribute is a
// small number, or the address of an arena of such words: whatever the library takes it for,
// there is memory. (An address in the first page is none: the library refuses it.)
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA (1 << 20) // bytes, the most that a length inside of a parameter may ask for
#define MOST 512 // bytes of a buffer
#define PIECES 64 // buffers of one call

static void fail(const char *what) {
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static __thread uint64_t state;

static CK_ULONG draw(CK_ULONG n) { // xorshift64*
	state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
	return (state * 0x2545F4914F6CDD1DULL >> 33) % n;
}

static int heap, threads;
static __thread int used;
static __thread uint8_t *pieces[PIECES];
static CK_ULONG *arena;

// buffer has n bytes and not one more.
static void *buffer(CK_ULONG n) {
	if (used == PIECES) fail("too many buffers");
	if (heap) return pieces[used++] = malloc(n);
	return pieces[used++] + 4096 - n;
}

static void pages(void) {
	for (int i = 0; i < PIECES && !heap; i++) {
		pieces[i] = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pieces[i] == MAP_FAILED || mprotect(pieces[i] + 4096, 4096, PROT_NONE) != 0) fail("no memory");
	}
}

static CK_ULONG word(void) {
	static const CK_ULONG known[] = {CKM_SHA_1, CKM_SHA256, CKG_MGF1_SHA1, CKM_SHA256_HMAC, 0x0101};
	switch (draw(4)) {
	case 0: return draw(4);
	case 1: return draw(300);
	case 2: return known[draw(sizeof known / sizeof *known)];
	default: return (CK_ULONG)(arena + draw(8));
	}
}

// words has n bytes of them.
static void *words(CK_ULONG n) {
	uint8_t *out = buffer(n);
	for (CK_ULONG i = 0; i < n; i += sizeof(CK_ULONG)) {
		CK_ULONG w = word();
		memcpy(out + i, &w, n - i < sizeof w ? n - i : sizeof w);
	}
	return out;
}

static CK_ULONG length(void) { return draw(2) ? draw(10) * 8 : draw(MOST); }
static CK_ULONG huge(void) { return (CK_ULONG)-1 - draw(2) * ((CK_ULONG)1 << 62); }

static CK_ULONG sessions[2], objects[16], mechanisms[256], types;

static CK_ULONG one(CK_ULONG *of, CK_ULONG n) { return draw(12) ? of[draw(n)] : word(); }

// Mechanisms with the length of their parameters.
static const struct { CK_ULONG type, length; } common[] = {
	{CKM_AES_ECB, 0}, {CKM_AES_CBC, 16}, {CKM_AES_CBC_PAD, 16}, {CKM_AES_CTR, 24}, {CKM_AES_GCM, 48}, {CKM_AES_CCM, 48}, {CKM_AES_CMAC, 0},
	{CKM_SHA256_HMAC, 0}, {CKM_SHA256_HMAC_GENERAL, 8}, {CKM_SHA256, 0}, {CKM_AES_ECB_ENCRYPT_DATA, 16}, {CKM_AES_CBC_ENCRYPT_DATA, 32},
	{CKM_AES_KEY_GEN, 0}, {CKM_GENERIC_SECRET_KEY_GEN, 0}, {CKM_PKCS5_PBKD2, 72}, {CKM_AES_KEY_WRAP, 0}, {CKM_AES_KEY_WRAP_PAD, 0},
	{0x402aUL /* CKM_HKDF_DERIVE */, 64}, {0x3acUL /* CKM_SP800_108_COUNTER_KDF */, 40}, {CKM_CONCATENATE_BASE_AND_DATA, 16},
};

static void *parameter(void) {
	if (draw(20) == 0) return NULL;
	CK_MECHANISM *m = buffer(sizeof *m);
	m->mechanism = one(mechanisms, types), m->ulParameterLen = length();
	if (draw(4)) {
		int i = draw(sizeof common / sizeof *common);
		m->mechanism = common[i].type, m->ulParameterLen = common[i].length;
	}
	m->pParameter = draw(20) ? words(m->ulParameterLen) : NULL;
	if (draw(20) == 0) m->ulParameterLen = huge();
	return m;
}

static const CK_ULONG names[] = {CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_ID, CKA_VALUE, CKA_VALUE_LEN, CKA_SENSITIVE,
	CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_SIGN, CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT,
	CKA_ALLOWED_MECHANISMS, CKA_START_DATE, CKA_CHECK_VALUE, CKA_WRAP_WITH_TRUSTED, CKA_DERIVE};

// Attributes of keys as they should be; a word is as long as it is here.
static const struct { CK_ULONG type, length, value; } sound[] = {
	{CKA_CLASS, 8, CKO_SECRET_KEY}, {CKA_KEY_TYPE, 8, CKK_AES}, {CKA_VALUE_LEN, 8, 32}, {CKA_VALUE, 32, 1}, {CKA_EXTRACTABLE, 1, 1}, {CKA_ENCRYPT, 1, 1},
	{CKA_KEY_TYPE, 8, CKK_GENERIC_SECRET}, {CKA_SIGN, 1, 1}, {CKA_DERIVE, 1, 1}, {CKA_LABEL, 3, 0x636261}, {CKA_CLASS, 8, CKO_DATA}, {CKA_MODULUS_BITS, 8, 1024},
};

static CK_ATTRIBUTE *attributes(CK_ULONG n, int reads) {
	static const CK_ULONG lengths[] = {1, 8, 16, 24, 48};
	CK_ATTRIBUTE *t = buffer(n * sizeof *t);
	for (CK_ULONG i = 0; i < n; i++) {
		int j = draw(sizeof sound / sizeof *sound);
		t[i].type = draw(12) ? names[draw(sizeof names / sizeof *names)] : word();
		t[i].ulValueLen = draw(4) ? lengths[draw(5)] : length();
		if (draw(4)) t[i].type = sound[j].type, t[i].ulValueLen = sound[j].length;
		t[i].pValue = draw(20) ? words(t[i].ulValueLen) : NULL;
		if (t[i].pValue && t[i].type == sound[j].type) memcpy(t[i].pValue, &sound[j].value, t[i].ulValueLen < 8 ? t[i].ulValueLen : 8);
		if (!reads && draw(30) == 0) t[i].ulValueLen = huge();
	}
	return t;
}

// The arguments of each function: s session, l slot, k object, n number, i input and its length, p a PIN and its
// length, o output and a place with its length, r output and its length, m mechanism, t template and count, g such
// a template to be filled, c list and a place with its count, f list, count and a place for it, S and K a place for
// a session or an object, v a structure, 0 none, 1 a number that is odd (C_WaitForSlotEvent: do not block).
static const struct { const char *name, *arguments; } functions[] = {
	{"C_Initialize", "0"}, {"C_GetInfo", "v"}, {"C_GetFunctionList", "v"}, {"C_GetSlotList", "nc"}, {"C_GetSlotInfo", "lv"}, {"C_GetTokenInfo", "lv"},
	{"C_GetMechanismList", "lc"}, {"C_GetMechanismInfo", "lmv"}, {"C_InitToken", "liv"}, {"C_InitPIN", "si"}, {"C_SetPIN", "sii"},
	{"C_OpenSession", "ln00S"}, {"C_CloseSession", "s"}, {"C_GetSessionInfo", "sv"}, {"C_GetOperationState", "so"}, {"C_SetOperationState", "sikk"},
	{"C_Login", "snp"}, {"C_LoginUser", "snpi"}, {"C_Logout", "s"}, {"C_SessionCancel", "sn"}, {"C_CreateObject", "stK"}, {"C_CopyObject", "sktK"},
	{"C_DestroyObject", "sk"}, {"C_GetObjectSize", "skv"}, {"C_GetAttributeValue", "skg"}, {"C_SetAttributeValue", "skt"}, {"C_FindObjectsInit", "st"},
	{"C_FindObjects", "sf"}, {"C_FindObjectsFinal", "s"}, {"C_EncryptInit", "smk"}, {"C_Encrypt", "sio"}, {"C_EncryptUpdate", "sio"},
	{"C_EncryptFinal", "so"}, {"C_DecryptInit", "smk"}, {"C_Decrypt", "sio"}, {"C_DecryptUpdate", "sio"}, {"C_DecryptFinal", "so"}, {"C_DigestInit", "sm"},
	{"C_Digest", "sio"}, {"C_DigestUpdate", "si"}, {"C_DigestKey", "sk"}, {"C_DigestFinal", "so"}, {"C_SignInit", "smk"}, {"C_Sign", "sio"},
	{"C_SignUpdate", "si"}, {"C_SignFinal", "so"}, {"C_SignRecoverInit", "smk"}, {"C_SignRecover", "sio"}, {"C_VerifyInit", "smk"}, {"C_Verify", "sii"},
	{"C_VerifyUpdate", "si"}, {"C_VerifyFinal", "si"}, {"C_VerifyRecoverInit", "smk"}, {"C_VerifyRecover", "sio"}, {"C_DigestEncryptUpdate", "sio"},
	{"C_DecryptDigestUpdate", "sio"}, {"C_SignEncryptUpdate", "sio"}, {"C_DecryptVerifyUpdate", "sio"}, {"C_GenerateKey", "smtK"},
	{"C_GenerateKeyPair", "smttKK"}, {"C_WrapKey", "smkko"}, {"C_UnwrapKey", "smkitK"}, {"C_DeriveKey", "smktK"}, {"C_SeedRandom", "si"},
	{"C_GenerateRandom", "sr"}, {"C_WaitForSlotEvent", "1v0"}, {"C_GetFunctionStatus", "s"}, {"C_CancelFunction", "s"}, {"C_GetInterfaceList", "00"},
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

static __thread CK_ULONG arguments[10];
static __thread CK_ULONG *opened, *made;

// put adds the arguments of one letter, and gives how many.
static int put(char letter, CK_ULONG *a) {
	CK_ULONG n = length(), *place = NULL;
	if (draw(30) != 0 && strchr("ocfSKv", letter)) memset(place = buffer(sizeof *place), 0, sizeof *place);
	switch (letter) {
	case 's': return a[0] = one(sessions, 2), 1;
	case 'l': return a[0] = draw(12) ? 7 : word(), 1;
	case 'k': return a[0] = one(objects, 16), 1;
	case 'n': return a[0] = draw(8), 1;
	case '0': return a[0] = 0, 1;
	case '1': return a[0] = draw(8) | 1, 1;
	case 'm': return a[0] = (CK_ULONG)parameter(), 1;
	case 'v': return a[0] = place ? (CK_ULONG)buffer(MOST) : 0, 1;
	case 'S': return a[0] = (CK_ULONG)(opened = place), 1;
	case 'K': return a[0] = (CK_ULONG)(made = place), 1;
	case 'p': if (draw(8) != 0) return a[0] = (CK_ULONG)"123456", a[1] = 6, 2; // or any input
	/* fall through */
	case 'i':
		a[0] = draw(20) ? (CK_ULONG)words(n) : 0;
		return a[1] = draw(30) ? n : huge(), 2;
	case 'o': case 'c':
		a[0] = draw(4) ? (CK_ULONG)buffer(n - n % 8) : 0;
		if (place) *place = letter == 'c' ? n / 8 : n - n % 8;
		return a[1] = (CK_ULONG)place, 2;
	case 'r': return a[0] = draw(20) ? (CK_ULONG)buffer(n) : 0, a[1] = n, 2;
	case 'f':
		a[0] = draw(20) ? (CK_ULONG)buffer(n - n % 8) : 0;
		return a[1] = n / 8, a[2] = (CK_ULONG)place, 3;
	case 't': case 'g':
		n = draw(6);
		a[0] = draw(20) ? (CK_ULONG)attributes(n, letter == 'g') : 0;
		return a[1] = letter == 't' && draw(30) == 0 ? huge() : n, 2;
	}
	return 0;
}

static CK_FUNCTION_LIST *p;

// need ends the program unless rv is good; with threads another may have closed what was there.
static void need(CK_RV rv, const char *missing) {
	if (rv != CKR_OK && !threads) fail(missing);
}

// fresh sees to sessions and keys that the next calls can work with.
static void fresh(void) {
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG n = 32;
	CK_MECHANISM aes = {CKM_AES_KEY_GEN, NULL, 0}, generic = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
	static const CK_ULONG usages[3][2] = {{CKA_ENCRYPT, CKA_DECRYPT}, {CKA_WRAP, CKA_UNWRAP}, {CKA_SIGN, CKA_VERIFY}};
	if (!threads || draw(20) == 0) p->C_CloseAllSessions(7);
	for (int i = 0; i < 2; i++) need(p->C_OpenSession(7, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &sessions[i]), "no session");
	CK_RV rv = p->C_Login(sessions[0], CKU_USER, (CK_BYTE *)"123456", 6);
	need(rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv, "no login");
	for (int i = 0; i < 16; i++) {
		CK_ATTRIBUTE t[] = {{usages[i % 3][0], &yes, 1}, {usages[i % 3][1], &yes, 1}, {CKA_EXTRACTABLE, &yes, 1}, {CKA_DERIVE, i % 3 < 2 ? &no : &yes, 1}, {CKA_VALUE_LEN, &n, sizeof n}};
		need(p->C_GenerateKey(sessions[i % 2], i % 3 < 2 ? &aes : &generic, t, 5, &objects[i]), "no key");
	}
}

typedef CK_RV (*any)(CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG);

static CK_RV call(any f, const char *letters) {
	CK_ULONG *a = arguments;
	used = 0, opened = made = NULL;
	for (int n = 0; *letters != 0; letters++) n += put(*letters, a + n);
	CK_RV rv = f(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9]);
	if (rv == CKR_OK && opened && draw(8) == 0) sessions[draw(2)] = *opened;
	if (rv == CKR_OK && made) objects[draw(16)] = *made;
	for (int i = 0; heap && i < used; i++) free(pieces[i]);
	return rv;
}

static uint64_t seed;
static long calls;

static void *work(void *number) {
	long good = 0;
	int f = 0;
	state = (seed * 64 + (uintptr_t)number) * 2 + 1;
	pages();
	for (long i = 0; i < calls; i++) {
		if (i % 40 == 0) fresh();
		f = draw(4) ? (f + draw(4)) % FUNCTIONS : draw(FUNCTIONS); // what goes together is near
		CK_RV rv = call((any)dlsym(RTLD_DEFAULT, functions[f].name), functions[f].arguments);
		if (rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED || rv > 0x1ff) {
			fprintf(stderr, "call %ld: %s returns 0x%lX\n", i, functions[f].name, rv);
			exit(1);
		}
		good += rv == CKR_OK;
	}
	printf("%ld of %ld calls did something\n", good, calls);
	return NULL;
}

int main(int argc, char **argv) {
	void *library = argc > 3 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
	if (library == NULL) fail("hostile LIBRARY SEED CALLS [heap|threads]");
	seed = strtoull(argv[2], NULL, 10), calls = atol(argv[3]);
	heap = argc > 4 && strcmp(argv[4], "heap") == 0, threads = argc > 4 && !heap;
	state = 1;
	arena = calloc(1, ARENA + 8 * sizeof *arena);
	for (int i = 0; i < 4096; i++) arena[i] = word();
	((CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList"))(&p);
	types = sizeof mechanisms / sizeof *mechanisms;
	if (p->C_Initialize(NULL) != CKR_OK || p->C_GetMechanismList(7, mechanisms, &types) != CKR_OK) fail("no token");
	pthread_t all[8];
	for (uintptr_t i = 0; threads && i < 8; i++)
		if (pthread_create(&all[i], NULL, work, (void *)i) != 0) fail("no thread");
	for (int i = 0; threads && i < 8; i++) pthread_join(all[i], NULL);
	if (!threads) work(NULL);
	return p->C_Finalize(NULL) == CKR_OK ? 0 : 1;
}
