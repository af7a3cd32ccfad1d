// A C program that loads a PKCS#11 library and does what its arguments say. It ends with 0,
// or with the line of what did not hold.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(x) do { if (!(x)) { fprintf(stderr, "line %d: %s\n", __LINE__, #x); _exit(1); } } while (0)
#define OK(call) do { CK_RV rv_ = (call); if (rv_ != CKR_OK) { fprintf(stderr, "line %d: %s: 0x%lX\n", __LINE__, #call, rv_); _exit(1); } } while (0)

static CK_FUNCTION_LIST *p;
static const char *path;

static void *load(void) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) fprintf(stderr, "%s\n", dlerror());
	CHECK(library != NULL);
	CK_C_GetFunctionList get = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
	CHECK(get != NULL);
	OK(get(&p));
	CHECK(p->version.major == 2 && p->version.minor == 40);
	return library;
}

static CK_SESSION_HANDLE session(void) {
	CK_SLOT_ID slot;
	CK_ULONG n = 1;
	CK_SESSION_HANDLE s;
	OK(p->C_GetSlotList(CK_TRUE, &slot, &n));
	OK(p->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
	CK_RV rv = p->C_Login(s, CKU_USER, (CK_BYTE *)"123456", 6);
	CHECK(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
	return s;
}

static CK_OBJECT_HANDLE hmac_key(CK_SESSION_HANDLE s) {
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG length = 32;
	CK_ATTRIBUTE t[] = {{CKA_SIGN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_VALUE_LEN, &length, sizeof length}};
	CK_MECHANISM m = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
	CK_OBJECT_HANDLE key;
	OK(p->C_GenerateKey(s, &m, t, 4, &key));
	return key;
}

static CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};

// The size of a result, a buffer that is too small, and the result, of one operation. One
// input for the size and another for the result: that of the other, or none.
static void sizes_of(CK_MECHANISM *mechanism, CK_RV of_another) {
	CK_SESSION_HANDLE s = session();
	CK_OBJECT_HANDLE key = hmac_key(s);
	CK_BYTE out[32], again[32], in[] = "a message", other[] = "b message";
	CK_ULONG n = 0;
	OK(p->C_SignInit(s, mechanism, key));
	CHECK(p->C_Sign(s, in, sizeof in, out, NULL) == CKR_ARGUMENTS_BAD);
	OK(p->C_Sign(s, in, sizeof in, NULL, &n));
	CHECK(n == 32);
	CHECK(p->C_SignInit(s, mechanism, key) == CKR_OPERATION_ACTIVE);
	n = 31;
	CHECK(p->C_Sign(s, in, sizeof in, out, &n) == CKR_BUFFER_TOO_SMALL && n == 32);
	OK(p->C_Sign(s, in, sizeof in, out, &n));
	CHECK(p->C_Sign(s, in, sizeof in, out, &n) == CKR_OPERATION_NOT_INITIALIZED);
	CHECK(p->C_Sign(s, in, sizeof in, NULL, &n) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_SignInit(s, mechanism, key));
	OK(p->C_SignUpdate(s, in, sizeof in));
	OK(p->C_SignFinal(s, NULL, &n));
	OK(p->C_SignFinal(s, again, &n));
	CHECK(memcmp(out, again, 32) == 0);
	OK(p->C_SignInit(s, mechanism, key));
	OK(p->C_Sign(s, in, sizeof in, NULL, &n));
	CHECK(p->C_Sign(s, other, sizeof other, again, &n) == of_another);
	CHECK(of_another != CKR_OK || memcmp(out, again, 32) != 0);
	OK(p->C_SignInit(s, mechanism, key));
	// What waited for a session ends with it, also when all of a slot's end.
	OK(p->C_Sign(s, in, sizeof in, NULL, &n));
	CK_SESSION_INFO info;
	OK(p->C_GetSessionInfo(s, &info));
	OK(p->C_CloseAllSessions(info.slotID));
	CHECK(p->C_Sign(s, in, sizeof in, NULL, &n) == CKR_SESSION_HANDLE_INVALID);
	CHECK(p->C_Sign(s, in, sizeof in, again, &n) == CKR_SESSION_HANDLE_INVALID);
}

// Once where the library knows the length beforehand, and once where it makes the result.
static void sizes(void) {
	CK_ULONG whole = 32;
	CK_MECHANISM general = {CKM_SHA256_HMAC_GENERAL, &whole, sizeof whole};
	sizes_of(&hmac, CKR_OK);
	sizes_of(&general, CKR_OPERATION_NOT_INITIALIZED);
}

static CK_OBJECT_HANDLE aes_key(CK_SESSION_HANDLE s) {
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG length = 32;
	CK_ATTRIBUTE t[] = {{CKA_ENCRYPT, &yes, 1}, {CKA_DECRYPT, &yes, 1}, {CKA_VALUE_LEN, &length, sizeof length}};
	CK_MECHANISM m = {CKM_AES_KEY_GEN, NULL, 0};
	CK_OBJECT_HANDLE key;
	OK(p->C_GenerateKey(s, &m, t, 3, &key));
	return key;
}

typedef CK_RV (*give)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);

// agree fetches a result with its length asked first, with too little room, and with enough:
// each says the same length, or the first refuses what has no result.
static void agree(give f, CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG length, CK_BYTE *out, CK_ULONG *n) {
	CK_ULONG asked = 0, small = 0;
	CK_RV rv = f(s, in, length, NULL, &asked);
	if (rv != CKR_OK) {
		CHECK(rv == CKR_DATA_LEN_RANGE && f(s, in, length, out, n) == CKR_OPERATION_NOT_INITIALIZED);
		*n = 0;
		return;
	}
	if (asked > 0) CHECK(f(s, in, length, out, &small) == CKR_BUFFER_TOO_SMALL && small == asked);
	OK(f(s, in, length, out, n));
	CHECK(*n == asked);
}

// The lengths of digests and ciphers, of many inputs.
static void lengths(void) {
	CK_SESSION_HANDLE s = session();
	CK_OBJECT_HANDLE key = aes_key(s);
	CK_BYTE iv[16] = {0}, in[64] = {0}, out[128], back[128];
	CK_AES_CTR_PARAMS ctr = {.ulCounterBits = 128};
	CK_MECHANISM digests[] = {{CKM_SHA_1, NULL, 0}, {CKM_SHA224, NULL, 0}, {CKM_SHA256, NULL, 0}, {CKM_SHA384, NULL, 0}, {CKM_SHA512, NULL, 0}};
	CK_MECHANISM ciphers[] = {{CKM_AES_ECB, NULL, 0}, {CKM_AES_CBC, iv, 16}, {CKM_AES_CBC_PAD, iv, 16}, {CKM_AES_CTR, &ctr, sizeof ctr}};
	for (CK_ULONG length = 0; length <= sizeof in; length++) {
		for (int i = 0; i < 5; i++) {
			CK_ULONG n = sizeof out;
			OK(p->C_DigestInit(s, &digests[i]));
			agree(p->C_Digest, s, in, length, out, &n);
		}
		for (int i = 0; i < 4; i++) {
			CK_ULONG n = sizeof out, m = sizeof back;
			OK(p->C_EncryptInit(s, &ciphers[i], key));
			agree(p->C_Encrypt, s, in, length, out, &n);
			CHECK(n >= length || (i < 2 && length % 16 != 0));
			if (n == 0) continue;
			OK(p->C_DecryptInit(s, &ciphers[i], key));
			agree(p->C_Decrypt, s, out, n, back, &m);
			CHECK(m == length && memcmp(in, back, length) == 0);
		}
	}
}

// No length is told of an operation that is over, or that has come to its parts, or of the
// operation of another session.
static void over(void) {
	CK_SESSION_HANDLE s = session(), t = s;
	CK_OBJECT_HANDLE key = hmac_key(s);
	CK_MECHANISM sha1 = {CKM_SHA_1_HMAC, NULL, 0}, digest = {CKM_SHA256, NULL, 0};
	CK_BYTE in[16] = {0}, out[32];
	CK_ULONG n = 0;
	CHECK(p->C_SignInit(s, &hmac, key + 1000) == CKR_KEY_HANDLE_INVALID);
	CHECK(p->C_Sign(s, in, sizeof in, NULL, &n) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_SignInit(s, &hmac, key));
	CHECK(p->C_Digest(s, in, sizeof in, NULL, &n) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_SignUpdate(s, in, sizeof in));
	CHECK(p->C_Sign(s, in, sizeof in, NULL, &n) == CKR_OPERATION_NOT_INITIALIZED);
	// Two operations of one session, and as many sessions as a table might hold.
	OK(p->C_SignInit(s, &sha1, key));
	OK(p->C_DigestInit(s, &digest));
	OK(p->C_Sign(s, in, sizeof in, NULL, &n));
	CHECK(n == 20);
	OK(p->C_Digest(s, in, sizeof in, NULL, &n));
	CHECK(n == 32);
	for (int i = 0; i < 300; i++) {
		t = session();
		OK(p->C_SignInit(t, &hmac, key));
		OK(p->C_Sign(t, in, sizeof in, NULL, &n));
		CHECK(n == 32);
	}
	OK(p->C_Sign(s, in, sizeof in, NULL, &n));
	CHECK(n == 20);
	OK(p->C_CloseSession(t));
	CHECK(p->C_Sign(t, in, sizeof in, NULL, &n) == CKR_SESSION_HANDLE_INVALID);
	CK_RV (*cancel)(CK_SESSION_HANDLE, CK_FLAGS) = (CK_RV (*)(CK_SESSION_HANDLE, CK_FLAGS))dlsym(dlopen(path, RTLD_NOW), "C_SessionCancel");
	OK(cancel(t - 1, CKF_SIGN));
	CHECK(p->C_Sign(t - 1, in, sizeof in, NULL, &n) == CKR_OPERATION_NOT_INITIALIZED);
	// The key is private: it goes with the login, in every session.
	OK(p->C_Logout(t - 2));
	CHECK(p->C_Sign(t - 3, in, sizeof in, NULL, &n) == CKR_OPERATION_NOT_INITIALIZED);
	session();
	CHECK(p->C_Sign(t - 3, in, sizeof in, out, &n) == CKR_OPERATION_NOT_INITIALIZED);
}

// Each attribute for itself: a value, none, none to be had, no room.
static void attributes(void) {
	CK_SESSION_HANDLE s = session();
	CK_OBJECT_HANDLE key = hmac_key(s);
	CK_ULONG class = 0;
	CK_BYTE value[32], small[1];
	CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof class}, {CKA_VALUE, value, sizeof value}, {CKA_MODULUS, NULL, 0}, {CKA_KEY_TYPE, NULL, 0}};
	CK_RV rv = p->C_GetAttributeValue(s, key, t, 4);
	CHECK(rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID);
	CHECK(t[0].ulValueLen == sizeof class && class == CKO_SECRET_KEY);
	CHECK(t[1].ulValueLen == (CK_ULONG)-1 && t[2].ulValueLen == (CK_ULONG)-1);
	CHECK(t[3].ulValueLen == sizeof(CK_ULONG));
	CK_ATTRIBUTE u = {CKA_CLASS, small, sizeof small};
	CHECK(p->C_GetAttributeValue(s, key, &u, 1) == CKR_BUFFER_TOO_SMALL && u.ulValueLen == (CK_ULONG)-1);
}

// Pointers and lengths that no program should give.
static void nonsense(void) {
	CK_C_INITIALIZE_ARGS none = {.pReserved = &none}, alone = {.CreateMutex = (void *)1}, still = {.flags = CKF_LIBRARY_CANT_CREATE_OS_THREADS};
	CHECK(p->C_Initialize(NULL) == CKR_CRYPTOKI_ALREADY_INITIALIZED);
	CHECK(p->C_Finalize(&none) == CKR_ARGUMENTS_BAD);
	OK(p->C_Finalize(NULL));
	CHECK(p->C_Finalize(NULL) == CKR_CRYPTOKI_NOT_INITIALIZED);
	CHECK(p->C_GetSlotList(CK_TRUE, NULL, NULL) != CKR_OK);
	CHECK(p->C_Initialize(&none) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_Initialize(&alone) == CKR_ARGUMENTS_BAD);
	OK(p->C_Initialize(&still)); // GnuTLS asks for that
	CK_SESSION_HANDLE s = session();
	CK_ULONG n = 1;
	CK_BYTE b[64];
	CK_ATTRIBUTE huge = {CKA_LABEL, b, (CK_ULONG)-2}, null = {CKA_LABEL, NULL, 5};
	CK_MECHANISM bad = {CKM_AES_CBC, NULL, 16}, long_ = {CKM_AES_CBC, b, (CK_ULONG)-1};
	CK_OBJECT_HANDLE o;
	CHECK(p->C_GetInfo(NULL) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_CreateObject(s, &huge, 1, &o) != CKR_OK);
	CHECK(p->C_CreateObject(s, &null, 1, &o) != CKR_OK);
	CHECK(p->C_CreateObject(s, NULL, 3, &o) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_CreateObject(s, &huge, (CK_ULONG)-1, &o) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_CreateObject(s, &huge, 1, NULL) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_EncryptInit(s, NULL, 1) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_EncryptInit(s, &bad, 1) != CKR_OK);
	CHECK(p->C_EncryptInit(s, &long_, 1) != CKR_OK);
	CHECK(p->C_GenerateRandom(s, NULL, 5) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_GenerateRandom(s, b, (CK_ULONG)-1) != CKR_OK);
	CHECK(p->C_FindObjects(s, NULL, 1, &n) != CKR_OK);
	CHECK(p->C_Digest(s, NULL, 9, b, &n) != CKR_OK);
	CHECK(p->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL) == CKR_ARGUMENTS_BAD);
	CHECK(p->C_GetFunctionStatus(s) == CKR_FUNCTION_NOT_PARALLEL);
	CHECK(p->C_GetSlotInfo(12345, (CK_SLOT_INFO *)b) == CKR_SLOT_ID_INVALID);
}

// A child that only execs lives; one that goes on gets an error, and does not hang.
static void forks(void) {
	CK_SESSION_HANDLE s = session();
	pid_t child = fork();
	if (child == 0) {
		alarm(20);
		CK_BYTE b[8];
		CHECK(p->C_GenerateRandom(s, b, 8) == CKR_GENERAL_ERROR);
		CHECK(p->C_Initialize(NULL) == CKR_GENERAL_ERROR);
		CK_RV (*vendor)(void) = (CK_RV (*)(void))dlsym(dlopen(path, RTLD_NOW), "CA_Restart");
		CHECK(vendor() == CKR_GENERAL_ERROR);
		_exit(0);
	}
	int status;
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	if ((child = fork()) == 0) {
		execl("/proc/self/exe", "program", path, "sizes", NULL);
		_exit(1);
	}
	CHECK(waitpid(child, &status, 0) == child && status == 0);
	CK_BYTE b[8];
	OK(p->C_GenerateRandom(s, b, 8));
}

static long calls = 20000;

static void *work(void *unused) {
	(void)unused;
	CK_SESSION_HANDLE s = session();
	CK_OBJECT_HANDLE key = hmac_key(s);
	CK_BYTE in[16] = {0}, out[32];
	for (long i = 0; i < calls / 64 / 3; i++) {
		CK_ULONG n = 0;
		OK(p->C_SignInit(s, &hmac, key));
		OK(p->C_Sign(s, in, sizeof in, NULL, &n));
		OK(p->C_Sign(s, in, sizeof in, out, &n));
	}
	OK(p->C_CloseSession(s));
	return NULL;
}

static void threads(void) {
	if (getenv("CALLS") != NULL) calls = atol(getenv("CALLS"));
	session(); // keeps the login while threads come and go
	pthread_t all[64];
	for (int i = 0; i < 64; i++) CHECK(pthread_create(&all[i], NULL, work, NULL) == 0);
	for (int i = 0; i < 64; i++) pthread_join(all[i], NULL);
}

static void loads(void) {
	OK(p->C_Finalize(NULL));
	for (int i = 0; i < 200; i++) {
		void *library = load();
		OK(p->C_Initialize(NULL));
		session();
		OK(p->C_Finalize(NULL));
		dlclose(library);
	}
	OK(p->C_Initialize(NULL));
}

// A vendor's function gets its arguments, those on the stack too, and those in other registers.
static void vendor(void) {
	void *library = dlopen(path, RTLD_NOW);
	CK_RV (*wide)(CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, double, double, double, double, double, double,
		double, double, CK_ULONG) = dlsym(library, "CA_CloneAsSource");
	CK_RV (*missing)(void) = (CK_RV (*)(void))dlsym(library, "CT_PresentTicket");
	CHECK(wide != NULL && missing != NULL);
	for (int i = 0; i < 2; i++) CHECK(wide(1, 2, 3, 4, 5, 6, 7, 8, 0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 9) == 0x80000123UL);
	CHECK(missing() == CKR_FUNCTION_NOT_SUPPORTED);
}

static void no_vendor(void) {
	CK_RV (*f)(CK_SLOT_ID) = (CK_RV (*)(CK_SLOT_ID))dlsym(dlopen(path, RTLD_NOW), "CA_Restart");
	CHECK(f != NULL && f(0) == CKR_FUNCTION_NOT_SUPPORTED);
}

// Says when it is ready, works when it is told to, and ends as many programs do: without
// C_Finalize. A child that ends before it changes nothing.
static void controlled(void) {
	CK_SESSION_HANDLE s = session();
	CK_BYTE b[8];
	pid_t child = fork();
	if (child == 0) exit(0);
	CHECK(waitpid(child, NULL, 0) == child);
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		printf("0x%lX\n", p->C_GenerateRandom(s, b, sizeof b));
		fflush(stdout);
	}
	exit(0);
}

// Is another program from then on, in the same process.
static void execs(void) {
	session();
	execl("/proc/self/exe", "program", path, "controlled", NULL);
}

// One of several processes on a token: what it makes is there, signs, and is gone when it is
// destroyed, whatever the others do meanwhile. One key stays.
static void shares(void) {
	CK_SESSION_HANDLE s = session();
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG class = CKO_SECRET_KEY, type = CKK_GENERIC_SECRET, n, pid = getpid();
	CK_BYTE value[32] = {1}, in[8] = {0}, out[32];
	for (int i = 0; i < 20; i++) {
		CK_OBJECT_HANDLE key, found[2];
		CK_ATTRIBUTE t[] = {{CKA_ID, &pid, sizeof pid}, {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}, {CKA_TOKEN, &yes, 1},
			{CKA_SIGN, &yes, 1}, {CKA_LABEL, "shared", 6}, {CKA_VALUE, value, sizeof value}};
		OK(p->C_CreateObject(s, t, 7, &key));
		OK(p->C_FindObjectsInit(s, t, 1));
		OK(p->C_FindObjects(s, found, 2, &n));
		OK(p->C_FindObjectsFinal(s));
		CHECK(n == 1 && found[0] == key);
		n = sizeof out;
		OK(p->C_SignInit(s, &hmac, key));
		OK(p->C_Sign(s, in, sizeof in, out, &n));
		if (i == 19) break;
		OK(p->C_DestroyObject(s, key));
		CHECK(p->C_SignInit(s, &hmac, key) != CKR_OK);
	}
}

static const struct { const char *name; void (*run)(void); } all[] = {
	{"sizes", sizes}, {"lengths", lengths}, {"over", over}, {"attributes", attributes}, {"nonsense", nonsense}, {"forks", forks},
	{"threads", threads}, {"loads", loads}, {"vendor", vendor}, {"no-vendor", no_vendor}, {"shares", shares}, {"controlled", controlled}, {"execs", execs},
};

int main(int argc, char **argv) {
	CHECK(argc == 3);
	path = argv[1];
	load();
	if (strcmp(argv[2], "vendor") == 0) vendor(); // before C_Initialize
	OK(p->C_Initialize(NULL));
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (strcmp(argv[2], all[i].name) != 0) continue;
		all[i].run();
		OK(p->C_Finalize(NULL));
		return 0;
	}
	return 2;
}
