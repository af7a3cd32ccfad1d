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
	// By another input than that of which the length was asked.
	OK(p->C_EncryptInit(s, &cbc, key));
	OK(update(s, NULL, &n));
	block[0]++;
	CHECK(update(s, cipher_out, &n) == CKR_OPERATION_NOT_INITIALIZED);
	// By that to a function that feeds two operations: both.
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
