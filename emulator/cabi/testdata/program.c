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
	CK_SLOT_ID slots[2]; // SoftHSM has an empty one after those with a token
	CK_ULONG n = 2;
	CK_SESSION_HANDLE s;
	OK(p->C_GetSlotList(CK_TRUE, slots, &n));
	OK(p->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
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

#include "lengths.h"
#include "pending.h"

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
	CK_BYTE b[64] = {0};
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
	CK_ULONG password[9] = {1, 0, 0, 1000, 4, 0, 0, (CK_ULONG)b, 1 << 20}; // CK_PKCS5_PBKD2_PARAMS2
	CK_ULONG class = CKO_SECRET_KEY, type = CKK_GENERIC_SECRET, length = 16;
	CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type}, {CKA_VALUE_LEN, &length, sizeof length}};
	CK_MECHANISM kdf = {CKM_PKCS5_PBKD2, password, sizeof password};
	CK_ULONG eight = 8, lengths[] = {1 << 20, 4 << 20, 1 << 30, (CK_ULONG)1 << 40, (CK_ULONG)-1};
	for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++) { // none is taken for the address of one
		password[8] = lengths[i];
		CHECK(p->C_GenerateKey(s, &kdf, t, 3, &o) == CKR_MECHANISM_PARAM_INVALID);
	}
	password[8] = 8;
	OK(p->C_GenerateKey(s, &kdf, t, 3, &o));
	password[8] = (CK_ULONG)&eight; // CK_PKCS5_PBKD2_PARAMS
	OK(p->C_GenerateKey(s, &kdf, t, 3, &o));
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
	{"sizes", sizes}, {"lengths", lengths}, {"over", over}, {"another", another}, {"ended", ended}, {"logout", logout}, {"wraps", wraps}, {"cancelled", cancelled}, {"attributes", attributes}, {"nonsense", nonsense}, {"forks", forks},
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
