// What a program learns of the length of a result before it fetches it: a part of program.c.

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
