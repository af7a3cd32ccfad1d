// What libepsemu.so needs of PKCS#11 v2.40 and of the interfaces of v3.0, for Unix: no
// packing. A test compares sizes, offsets and the order of functions with p11-kit's header.
#ifndef EPSEMU_PKCS11_H
#define EPSEMU_PKCS11_H

typedef unsigned char CK_BYTE;
typedef unsigned long CK_ULONG;
typedef CK_ULONG CK_RV;
typedef struct { CK_BYTE major, minor; } CK_VERSION;

typedef struct {
	CK_VERSION cryptokiVersion;
	CK_BYTE manufacturerID[32];
	CK_ULONG flags;
	CK_BYTE libraryDescription[32];
	CK_VERSION libraryVersion;
} CK_INFO;

typedef struct {
	CK_BYTE slotDescription[64], manufacturerID[32];
	CK_ULONG flags;
	CK_VERSION hardwareVersion, firmwareVersion;
} CK_SLOT_INFO;

typedef struct {
	CK_BYTE label[32], manufacturerID[32], model[16], serialNumber[16];
	CK_ULONG flags, ulMaxSessionCount, ulSessionCount, ulMaxRwSessionCount, ulRwSessionCount, ulMaxPinLen, ulMinPinLen,
		ulTotalPublicMemory, ulFreePublicMemory, ulTotalPrivateMemory, ulFreePrivateMemory;
	CK_VERSION hardwareVersion, firmwareVersion;
	CK_BYTE utcTime[16];
} CK_TOKEN_INFO;

typedef struct { CK_ULONG slotID, state, flags, ulDeviceError; } CK_SESSION_INFO;
typedef struct { CK_ULONG ulMinKeySize, ulMaxKeySize, flags; } CK_MECHANISM_INFO;
typedef struct { CK_ULONG mechanism; void *pParameter; CK_ULONG ulParameterLen; } CK_MECHANISM;
typedef struct { CK_ULONG type; void *pValue; CK_ULONG ulValueLen; } CK_ATTRIBUTE;
typedef struct { void *CreateMutex, *DestroyMutex, *LockMutex, *UnlockMutex; CK_ULONG flags; void *pReserved; } CK_C_INITIALIZE_ARGS;

#define CKR_OK 0x0UL
#define CKR_GENERAL_ERROR 0x5UL
#define CKR_FUNCTION_NOT_PARALLEL 0x51UL
#define CKR_FUNCTION_NOT_SUPPORTED 0x54UL
#define CKR_ARGUMENTS_BAD 0x7UL
#define CKR_BUFFER_TOO_SMALL 0x150UL

#define CK_SESSION CK_ULONG session
#define CK_IN CK_BYTE *in, CK_ULONG inLen
#define CK_IN2 CK_BYTE *in2, CK_ULONG in2Len
#define CK_OUT CK_BYTE *out, CK_ULONG *outLen
#define CK_MECH CK_MECHANISM *mechanism
#define CK_TEMPLATE CK_ATTRIBUTE *template, CK_ULONG count

// The functions that enter Go: name, parameters, arguments; T are those that C answers where
// only the length is asked for and is known. Their order, and the places of the others, are
// those of the standard's pkcs11f.h: see exports.c.
#define FUNCTIONS(F, T) FUNCTIONS_V2(F, T) FUNCTIONS_V3(F)

#define FUNCTIONS_V2(F, T) \
	F(Initialize, (void *args), (args)) \
	F(Finalize, (void *reserved), (reserved)) \
	F(GetInfo, (CK_INFO *info), (info)) \
	F(GetSlotList, (CK_BYTE present, CK_ULONG *list, CK_ULONG *count), (present, list, count)) \
	F(GetSlotInfo, (CK_ULONG slot, CK_SLOT_INFO *info), (slot, info)) \
	F(GetTokenInfo, (CK_ULONG slot, CK_TOKEN_INFO *info), (slot, info)) \
	F(GetMechanismList, (CK_ULONG slot, CK_ULONG *list, CK_ULONG *count), (slot, list, count)) \
	F(GetMechanismInfo, (CK_ULONG slot, CK_ULONG type, CK_MECHANISM_INFO *info), (slot, type, info)) \
	F(InitToken, (CK_ULONG slot, CK_IN, CK_BYTE *label), (slot, in, inLen, label)) \
	F(InitPIN, (CK_SESSION, CK_IN), (session, in, inLen)) \
	F(SetPIN, (CK_SESSION, CK_IN, CK_IN2), (session, in, inLen, in2, in2Len)) \
	F(OpenSession, (CK_ULONG slot, CK_ULONG flags, void *application, void *notify, CK_ULONG *opened), (slot, flags, application, notify, opened)) \
	F(CloseSession, (CK_SESSION), (session)) \
	F(CloseAllSessions, (CK_ULONG slot), (slot)) \
	F(GetSessionInfo, (CK_SESSION, CK_SESSION_INFO *info), (session, info)) \
	F(GetOperationState, (CK_SESSION, CK_OUT), (session, out, outLen)) \
	F(SetOperationState, (CK_SESSION, CK_IN, CK_ULONG encryption, CK_ULONG authentication), (session, in, inLen, encryption, authentication)) \
	F(Login, (CK_SESSION, CK_ULONG user, CK_IN), (session, user, in, inLen)) \
	F(Logout, (CK_SESSION), (session)) \
	F(CreateObject, (CK_SESSION, CK_TEMPLATE, CK_ULONG *made), (session, template, count, made)) \
	F(CopyObject, (CK_SESSION, CK_ULONG object, CK_TEMPLATE, CK_ULONG *made), (session, object, template, count, made)) \
	F(DestroyObject, (CK_SESSION, CK_ULONG object), (session, object)) \
	F(GetObjectSize, (CK_SESSION, CK_ULONG object, CK_ULONG *size), (session, object, size)) \
	F(GetAttributeValue, (CK_SESSION, CK_ULONG object, CK_TEMPLATE), (session, object, template, count)) \
	F(SetAttributeValue, (CK_SESSION, CK_ULONG object, CK_TEMPLATE), (session, object, template, count)) \
	F(FindObjectsInit, (CK_SESSION, CK_TEMPLATE), (session, template, count)) \
	F(FindObjects, (CK_SESSION, CK_ULONG *list, CK_ULONG most, CK_ULONG *found), (session, list, most, found)) \
	F(FindObjectsFinal, (CK_SESSION), (session)) \
	F(EncryptInit, (CK_SESSION, CK_MECH, CK_ULONG key), (session, mechanism, key)) \
	T(Encrypt, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(EncryptUpdate, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(EncryptFinal, (CK_SESSION, CK_OUT), (session, out, outLen)) \
	F(DecryptInit, (CK_SESSION, CK_MECH, CK_ULONG key), (session, mechanism, key)) \
	T(Decrypt, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(DecryptUpdate, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(DecryptFinal, (CK_SESSION, CK_OUT), (session, out, outLen)) \
	F(DigestInit, (CK_SESSION, CK_MECH), (session, mechanism)) \
	T(Digest, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(DigestUpdate, (CK_SESSION, CK_IN), (session, in, inLen)) \
	F(DigestKey, (CK_SESSION, CK_ULONG key), (session, key)) \
	F(DigestFinal, (CK_SESSION, CK_OUT), (session, out, outLen)) \
	F(SignInit, (CK_SESSION, CK_MECH, CK_ULONG key), (session, mechanism, key)) \
	T(Sign, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(SignUpdate, (CK_SESSION, CK_IN), (session, in, inLen)) \
	F(SignFinal, (CK_SESSION, CK_OUT), (session, out, outLen)) \
	F(SignRecoverInit, (CK_SESSION, CK_MECH, CK_ULONG key), (session, mechanism, key)) \
	F(SignRecover, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(VerifyInit, (CK_SESSION, CK_MECH, CK_ULONG key), (session, mechanism, key)) \
	F(Verify, (CK_SESSION, CK_IN, CK_IN2), (session, in, inLen, in2, in2Len)) \
	F(VerifyUpdate, (CK_SESSION, CK_IN), (session, in, inLen)) \
	F(VerifyFinal, (CK_SESSION, CK_IN), (session, in, inLen)) \
	F(VerifyRecoverInit, (CK_SESSION, CK_MECH, CK_ULONG key), (session, mechanism, key)) \
	F(VerifyRecover, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(DigestEncryptUpdate, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(DecryptDigestUpdate, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(SignEncryptUpdate, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(DecryptVerifyUpdate, (CK_SESSION, CK_IN, CK_OUT), (session, in, inLen, out, outLen)) \
	F(GenerateKey, (CK_SESSION, CK_MECH, CK_TEMPLATE, CK_ULONG *made), (session, mechanism, template, count, made)) \
	F(GenerateKeyPair, (CK_SESSION, CK_MECH, CK_TEMPLATE, CK_ATTRIBUTE *template2, CK_ULONG count2, CK_ULONG *made, CK_ULONG *made2), \
		(session, mechanism, template, count, template2, count2, made, made2)) \
	F(WrapKey, (CK_SESSION, CK_MECH, CK_ULONG wrapping, CK_ULONG key, CK_OUT), (session, mechanism, wrapping, key, out, outLen)) \
	F(UnwrapKey, (CK_SESSION, CK_MECH, CK_ULONG unwrapping, CK_IN, CK_TEMPLATE, CK_ULONG *made), \
		(session, mechanism, unwrapping, in, inLen, template, count, made)) \
	F(DeriveKey, (CK_SESSION, CK_MECH, CK_ULONG base, CK_TEMPLATE, CK_ULONG *made), (session, mechanism, base, template, count, made)) \
	F(SeedRandom, (CK_SESSION, CK_IN), (session, in, inLen)) \
	F(GenerateRandom, (CK_SESSION, CK_BYTE *out, CK_ULONG length), (session, out, length)) \
	F(WaitForSlotEvent, (CK_ULONG flags, CK_ULONG *slot, void *reserved), (flags, slot, reserved))

#define FUNCTIONS_V3(F) \
	F(LoginUser, (CK_SESSION, CK_ULONG user, CK_IN, CK_IN2), (session, user, in, inLen, in2, in2Len)) \
	F(SessionCancel, (CK_SESSION, CK_ULONG flags), (session, flags))

// What C knows of the output of an operation in a session. Go sets it when the operation
// begins, and takes it back with each other call of the session: see lengths.go.
enum { EPSEMU_Encrypt = 1, EPSEMU_Decrypt, EPSEMU_Digest, EPSEMU_Sign };
enum { EPSEMU_FIXED = 1, EPSEMU_BLOCKS, EPSEMU_PADDED }; // so many bytes; whole blocks; blocks with padding
#define EPSEMU_LENGTHS 256
// word is session << 24 | function << 16 | rule << 12 | bytes, and alone in its cache line.
typedef struct { _Alignas(64) unsigned long long word; } epsemu_length;
extern epsemu_length epsemu_lengths[EPSEMU_LENGTHS];

void epsemu_keep(const char *path); // see socket.c

#endif
