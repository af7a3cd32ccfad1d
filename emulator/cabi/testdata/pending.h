// What becomes of outputs that wait to be fetched when what made them ends: a part of program.c.

static CK_BYTE block[16], iv_of_zeros[16], cipher_out[64];

static CK_RV update(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG *n) {
	*n = out == NULL ? 0 : sizeof cipher_out;
	return p->C_EncryptUpdate(s, block, sizeof block, out, n);
}

static CK_RV final(CK_SESSION_HANDLE s, CK_BYTE *out, CK_ULONG *n) {
	*n = out == NULL ? 0 : sizeof cipher_out;
	return p->C_EncryptFinal(s, out, n);
}

// Another input than that of which the length was asked ends an operation, also in the library
// that this one may be in front of.
static void another(void) {
	CK_SESSION_HANDLE s = session();
	CK_OBJECT_HANDLE key = aes_key(s);
	CK_MECHANISM cbc = {CKM_AES_CBC, iv_of_zeros, 16};
	CK_BYTE back[64];
	CK_ULONG n, m = 0;
	OK(p->C_EncryptInit(s, &cbc, key));
	OK(update(s, NULL, &n));
	block[0]++;
	CHECK(update(s, cipher_out, &n) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_EncryptInit(s, &cbc, key));
	OK(update(s, cipher_out, &n));
	OK(final(s, back, &m));
	m = 0;
	OK(p->C_DecryptInit(s, &cbc, key));
	OK(p->C_DecryptUpdate(s, cipher_out, n, NULL, &m));
	cipher_out[0]++;
	m = sizeof back;
	CHECK(p->C_DecryptUpdate(s, cipher_out, n, back, &m) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_DecryptInit(s, &cbc, key));
}

// An operation that has ended leaves the session free for another, whatever waited of it.
static void ended(void) {
	CK_SESSION_HANDLE s = session();
	CK_OBJECT_HANDLE key = aes_key(s);
	CK_MECHANISM cbc = {CKM_AES_CBC, iv_of_zeros, 16}, sha256 = {CKM_SHA256, NULL, 0};
	CK_ULONG n;
	// By its last part, with the output of another part not fetched.
	OK(p->C_EncryptInit(s, &cbc, key));
	OK(update(s, NULL, &n));
	CHECK(n == sizeof block);
	CHECK(p->C_EncryptInit(s, &cbc, key) == CKR_OPERATION_ACTIVE);
	OK(final(s, cipher_out, &n));
	CHECK(update(s, cipher_out, &n) == CKR_OPERATION_NOT_INITIALIZED);
	another();
	// By that, to a function that feeds two operations: both.
	OK(p->C_EncryptInit(s, &cbc, key));
	OK(p->C_DigestInit(s, &sha256));
	n = 0;
	OK(p->C_DigestEncryptUpdate(s, block, sizeof block, NULL, &n));
	block[0]++;
	n = sizeof cipher_out;
	CHECK(p->C_DigestEncryptUpdate(s, block, sizeof block, cipher_out, &n) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_DigestInit(s, &sha256));
	// By an error: a part after the last.
	OK(p->C_EncryptInit(s, &cbc, key));
	OK(update(s, cipher_out, &n));
	CK_MECHANISM padded = {CKM_AES_CBC_PAD, iv_of_zeros, 16};
	OK(final(s, cipher_out, &n));
	OK(p->C_EncryptInit(s, &padded, key));
	OK(final(s, NULL, &n));
	CHECK(n == sizeof block);
	CHECK(update(s, cipher_out, &n) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_EncryptInit(s, &padded, key));
	// The same of a digest, and of a signature.
	OK(p->C_DigestFinal(s, NULL, &n));
	CHECK(p->C_DigestUpdate(s, block, sizeof block) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_DigestInit(s, &sha256));
	OK(p->C_SignInit(s, &hmac, hmac_key(s)));
	OK(p->C_SignFinal(s, NULL, &n));
	CHECK(p->C_SignUpdate(s, block, sizeof block) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_SignInit(s, &hmac, hmac_key(s)));
}

// The login is the slot's: with it goes what waits in any of its sessions.
static void logout(void) {
	CK_SESSION_HANDLE s = session(), other = session();
	CK_OBJECT_HANDLE key = aes_key(s);
	CK_MECHANISM padded = {CKM_AES_CBC_PAD, iv_of_zeros, 16};
	CK_BYTE plain[64];
	CK_ULONG n = sizeof cipher_out, m = 0;
	OK(p->C_EncryptInit(s, &padded, key));
	OK(p->C_Encrypt(s, block, 5, cipher_out, &n));
	OK(p->C_DecryptInit(s, &padded, key));
	CHECK(p->C_Decrypt(s, cipher_out, n, plain, &m) == CKR_BUFFER_TOO_SMALL);
	OK(p->C_DecryptInit(other, &padded, key));
	CK_ULONG part = 0;
	OK(p->C_DecryptUpdate(other, cipher_out, n, NULL, &part));
	OK(p->C_Logout(other));
	m = part = sizeof plain;
	CHECK(p->C_Decrypt(s, cipher_out, n, plain, &m) == CKR_OPERATION_NOT_INITIALIZED);
	CHECK(p->C_DecryptUpdate(other, cipher_out, n, plain, &part) == CKR_OPERATION_NOT_INITIALIZED);
}

static CK_OBJECT_HANDLE secret(CK_SESSION_HANDLE s, CK_ATTRIBUTE_TYPE can) {
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG length = 16;
	CK_ATTRIBUTE t[] = {{can, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_VALUE_LEN, &length, sizeof length}};
	CK_MECHANISM m = {CKM_AES_KEY_GEN, NULL, 0};
	CK_OBJECT_HANDLE key;
	OK(p->C_GenerateKey(s, &m, t, 3, &key));
	return key;
}

// A wrapped key that waits is that of its mechanism and its keys, as these are.
static void wraps(void) {
	CK_SESSION_HANDLE s = session(), other = session();
	CK_OBJECT_HANDLE by = secret(s, CKA_WRAP), key = secret(s, CKA_EXTRACTABLE), second = secret(s, CKA_EXTRACTABLE), theirs = secret(other, CKA_EXTRACTABLE);
	CK_MECHANISM kw = {0x2109, NULL, 0}, kwp = {0x210A, NULL, 0};
	CK_BYTE one[64], two[64];
	CK_ULONG n = 0, m = sizeof two;
	OK(p->C_WrapKey(s, &kw, by, key, NULL, &n));
	OK(p->C_WrapKey(s, &kwp, by, key, two, &m));
	OK(p->C_WrapKey(s, &kw, by, key, NULL, &n));
	OK(p->C_WrapKey(s, &kw, by, key, one, &n));
	CHECK(n == m && memcmp(one, two, n) != 0);
	OK(p->C_WrapKey(s, &kw, by, key, NULL, &n));
	OK(p->C_WrapKey(s, &kw, by, second, two, &m));
	CHECK(n == m && memcmp(one, two, n) != 0);
	// A key that may not be wrapped any more, one that is no more, and one of a session that is not.
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE keep = {CKA_EXTRACTABLE, &no, 1};
	OK(p->C_WrapKey(s, &kw, by, key, NULL, &n));
	OK(p->C_SetAttributeValue(other, key, &keep, 1));
	CHECK(p->C_WrapKey(s, &kw, by, key, one, &n) == CKR_KEY_UNEXTRACTABLE);
	OK(p->C_WrapKey(s, &kw, by, second, NULL, &n));
	OK(p->C_DestroyObject(other, second));
	CHECK(p->C_WrapKey(s, &kw, by, second, one, &n) == CKR_KEY_HANDLE_INVALID);
	OK(p->C_WrapKey(s, &kw, by, theirs, NULL, &n));
	OK(p->C_CloseSession(other));
	CHECK(p->C_WrapKey(s, &kw, by, theirs, one, &n) == CKR_KEY_HANDLE_INVALID);
}

// C_SessionCancel ends a recovery as it does a signature, with what waits of it.
static void cancelled(void) {
	CK_SESSION_HANDLE s = session();
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG bits = 2048, n = 0;
	CK_ATTRIBUTE of_public[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_VERIFY_RECOVER, &yes, 1}}, of_private[] = {{CKA_SIGN_RECOVER, &yes, 1}};
	CK_MECHANISM pair = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0}, pkcs = {CKM_RSA_PKCS, NULL, 0};
	CK_OBJECT_HANDLE public, private;
	CK_BYTE out[256], back[256];
	CK_RV (*cancel)(CK_SESSION_HANDLE, CK_FLAGS) = (CK_RV (*)(CK_SESSION_HANDLE, CK_FLAGS))dlsym(dlopen(path, RTLD_NOW), "C_SessionCancel");
	OK(p->C_GenerateKeyPair(s, &pair, of_public, 2, of_private, 1, &public, &private));
	OK(p->C_SignRecoverInit(s, &pkcs, private));
	OK(p->C_SignRecover(s, block, sizeof block, NULL, &n));
	OK(cancel(s, CKF_SIGN_RECOVER));
	CHECK(p->C_SignRecover(s, block, sizeof block, out, &n) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_SignRecoverInit(s, &pkcs, private));
	OK(p->C_SignRecover(s, block, sizeof block, out, &n));
	OK(p->C_VerifyRecoverInit(s, &pkcs, public));
	CK_ULONG m = 0;
	OK(p->C_VerifyRecover(s, out, n, NULL, &m));
	OK(cancel(s, CKF_VERIFY_RECOVER));
	CHECK(p->C_VerifyRecover(s, out, n, back, &m) == CKR_OPERATION_NOT_INITIALIZED);
	OK(p->C_VerifyRecoverInit(s, &pkcs, public));
}
