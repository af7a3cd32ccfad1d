package mechanism

// Numbers that miekg/pkcs11 lacks, from pkcs11t.h of PKCS #11 v3.0.
const (
	CKK_SHA512_224_HMAC = 0x43
	CKK_SHA512_256_HMAC = 0x44

	CKM_SP800_108_COUNTER_KDF         = 0x3AC
	CKM_SP800_108_FEEDBACK_KDF        = 0x3AD
	CKM_SP800_108_DOUBLE_PIPELINE_KDF = 0x3AE
	CKM_HKDF_DERIVE                   = 0x402A

	CKM_AES_KEY_WRAP_KWP = 0x210B
)
