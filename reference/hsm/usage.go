package hsm

import (
	"runtime"

	"github.com/miekg/pkcs11"
)

// Usage names a row of kinds: what a key is and the one thing that it may do.
type Usage uint8

const (
	MKDBK       Usage = iota + 1 // wraps DBK into the database and back
	MKTRK                        // wraps TRKWrap into the database and back
	DBK                          // derives row keys
	TRKWrap                      // wraps TOK for the authentication server: the EPS's side of TRK
	TRKUnwrap                    // unwraps TOK to be wrapped again: the authentication server's side
	ASK                          // wraps TOK at rest and unwraps it for signing
	SignMAC                      // signs: IDX, TKT, audit and row keys, PLK and PLK-R of their senders
	VerifyMAC                    // verifies: PLK and PLK-R of their receivers
	ImportKey                    // unwraps imported seeds to be wrapped again
	KCV                          // encrypts: the short-lived twin of which a check value is taken
	MKCipherDBK                  // wraps CipherDBK into the database and back
	CipherDBK                    // encrypts and decrypts: DBK of the row format st-2.6.1

	kekEncrypt // KEK, derives TOK
	kekDecrypt // KEK, unwraps TOK
	plainC     // C on its way from the row to the phone
	transitTOK // TOK on its way between two wrapping keys
	signTOK    // TOK while it makes an OTP
	requestS   // S of an MPP request
	requestKt  // K_t
	requestKc  // K_c
	rowKey     // wraps C into the row and back
	parcelAES  // a new AES key on its way to its places
	parcelMAC  // a new MAC key on its way to its places
	onceKey    // wraps and unwraps one key, once
	importT    // the transport key T of tokens that forbid C_CreateObject
	lastUsage
)

// uses is a set of the usage flags of a secret key.
type uses uint8

const (
	encrypts uses = 1 << iota
	decrypts
	signs
	verifies
	wraps
	unwraps
	derives
)

// flags gives each use its attribute; a template names all of them.
var flags = [...]struct {
	use       uses
	attribute uint
}{
	{encrypts, pkcs11.CKA_ENCRYPT}, {decrypts, pkcs11.CKA_DECRYPT},
	{signs, pkcs11.CKA_SIGN}, {verifies, pkcs11.CKA_VERIFY},
	{wraps, pkcs11.CKA_WRAP}, {unwraps, pkcs11.CKA_UNWRAP},
	{derives, pkcs11.CKA_DERIVE},
}

// kind is what a secret key is. All are sensitive, not modifiable and not copyable.
type kind struct {
	name        string
	keyType     uint
	extractable bool
	uses        uses
	unwraps     Usage // the only kind that comes out of it; 0 where nothing needs to be said
}

const (
	aesKey = pkcs11.CKK_AES
	secret = pkcs11.CKK_GENERIC_SECRET
	// keyBytes is the length of every key that is generated here: AES-256 and HMAC-SHA-256.
	keyBytes = 32
)

// kinds is every kind of secret key that this package makes.
var kinds = [lastUsage]kind{
	MKDBK:       {name: "MK-DBK", keyType: aesKey, uses: wraps | unwraps, unwraps: DBK},
	MKTRK:       {name: "MK-TRK", keyType: aesKey, uses: wraps | unwraps, unwraps: TRKWrap},
	DBK:         {name: "DBK", keyType: aesKey, uses: derives},
	TRKWrap:     {name: "TRK (wrap)", keyType: aesKey, uses: wraps},
	TRKUnwrap:   {name: "TRK (unwrap)", keyType: aesKey, uses: unwraps, unwraps: transitTOK},
	ASK:         {name: "ASK", keyType: aesKey, uses: wraps | unwraps, unwraps: signTOK},
	SignMAC:     {name: "MAC key (sign)", keyType: secret, uses: signs},
	VerifyMAC:   {name: "MAC key (verify)", keyType: secret, uses: verifies},
	ImportKey:   {name: "import key", keyType: aesKey, uses: unwraps, unwraps: transitTOK},
	KCV:         {name: "key under a check", keyType: aesKey, uses: encrypts},
	MKCipherDBK: {name: "MK-DBK-ST", keyType: aesKey, uses: wraps | unwraps, unwraps: CipherDBK},
	CipherDBK:   {name: "DBK-ST", keyType: aesKey, uses: encrypts | decrypts},

	kekEncrypt: {name: "KEK", keyType: aesKey, uses: derives},
	kekDecrypt: {name: "KEK", keyType: aesKey, uses: unwraps, unwraps: transitTOK},
	plainC:     {name: "C", keyType: secret, extractable: true},
	transitTOK: {name: "TOK", keyType: secret, extractable: true},
	signTOK:    {name: "TOK", keyType: secret, uses: signs},
	requestS:   {name: "S", keyType: aesKey, uses: derives},
	requestKt:  {name: "K_t", keyType: secret, uses: signs},
	requestKc:  {name: "K_c", keyType: aesKey, uses: wraps},
	rowKey:     {name: "row key", keyType: aesKey, uses: wraps | unwraps},
	parcelAES:  {name: "new key", keyType: aesKey, extractable: true},
	parcelMAC:  {name: "new key", keyType: secret, extractable: true},
	onceKey:    {name: "one-time key", keyType: aesKey, uses: wraps | unwraps},
	importT:    {name: "transport key", keyType: aesKey, uses: unwraps},
}

func (u Usage) kind() kind {
	if u == 0 || u >= lastUsage {
		return kind{name: "unknown key"}
	}
	return kinds[u]
}

func (u Usage) String() string { return u.kind().name }

// parcel is the kind of a new key before it is put where it will be used.
func (u Usage) parcel() Usage {
	if u.kind().keyType == aesKey {
		return parcelAES
	}
	return parcelMAC
}

// traits is what the token was found to be, set by the strategies that were chosen.
type traits struct {
	privateSessions bool // session keys carry CKA_PRIVATE=1
	emptyCheckValue bool // templates carry an empty CKA_CHECK_VALUE,
	unwrappedEmpty  bool // and so do those of C_UnwrapKey
	notCopyable     bool // templates carry CKA_COPYABLE=0
	rsaTemplate     bool // RSA private keys carry CKA_UNWRAP_TEMPLATE
	keyWrap         uint // the mechanism that is RFC 3394
	wrapLength      bool // CKA_VALUE_LEN goes into the template of a key unwrapped under an AES key
	oaepLength      bool // and under an RSA key
	suites          []Suite
	importKey       func(s *Session, value []byte, use Usage) (Key, error)
	token           *tokenKeys
}

func attribute(typ uint, value any) *pkcs11.Attribute { return pkcs11.NewAttribute(typ, value) }

// limits are the attributes that say what may be done with a key of this kind. They
// are also what an unwrap template says of the keys that come out.
func (t *traits) limits(k kind) []*pkcs11.Attribute {
	attrs := []*pkcs11.Attribute{
		attribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		attribute(pkcs11.CKA_KEY_TYPE, k.keyType),
		attribute(pkcs11.CKA_SENSITIVE, true),
		attribute(pkcs11.CKA_EXTRACTABLE, k.extractable),
	}
	if t.notCopyable {
		attrs = append(attrs, attribute(pkcs11.CKA_COPYABLE, false))
	}
	for _, f := range flags {
		attrs = append(attrs, attribute(f.attribute, k.uses&f.use != 0))
	}
	return attrs
}

// fixed forbids every change. In a template for C_UnwrapKey it stands last: SoftHSM
// applies the attributes in order, and refuses those that follow.
func fixed() *pkcs11.Attribute { return attribute(pkcs11.CKA_MODIFIABLE, false) }

// place adds where a key lives: in the token under label, or in the session for "".
func (t *traits) place(attrs []*pkcs11.Attribute, label string) []*pkcs11.Attribute {
	if label == "" {
		return append(attrs,
			attribute(pkcs11.CKA_TOKEN, false),
			attribute(pkcs11.CKA_PRIVATE, t.privateSessions))
	}
	return append(attrs,
		attribute(pkcs11.CKA_TOKEN, true),
		attribute(pkcs11.CKA_PRIVATE, true),
		attribute(pkcs11.CKA_LABEL, label),
		attribute(pkcs11.CKA_ID, label))
}

// template is the complete template of a key, with what the call itself needs: what a
// token would choose for an attribute left out is permissive. p keeps nested memory in
// place during the call.
func (t *traits) template(p *runtime.Pinner, use Usage, label string, more ...*pkcs11.Attribute) []*pkcs11.Attribute {
	if t.emptyCheckValue {
		more = append(more, attribute(pkcs11.CKA_CHECK_VALUE, []byte{}))
	}
	return t.bareTemplate(p, use, label, more...)
}

// unwrapTemplate is the template for C_UnwrapKey, where tokens take other attributes.
func (t *traits) unwrapTemplate(p *runtime.Pinner, use Usage, label string, w unwrapping) []*pkcs11.Attribute {
	var more []*pkcs11.Attribute
	if w.length > 0 {
		more = append(more, attribute(pkcs11.CKA_VALUE_LEN, w.length))
	}
	if t.unwrappedEmpty {
		more = append(more, attribute(pkcs11.CKA_CHECK_VALUE, []byte{}))
	}
	return t.bareTemplate(p, use, label, more...)
}

func (t *traits) bareTemplate(p *runtime.Pinner, use Usage, label string, more ...*pkcs11.Attribute) []*pkcs11.Attribute {
	k := use.kind()
	attrs := append(t.place(t.limits(k), label), more...)
	if k.unwraps != 0 {
		attrs = append(attrs, nested(p, append(t.limits(k.unwraps.kind()), fixed())))
	}
	return append(attrs, fixed())
}
