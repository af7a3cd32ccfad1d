package token_test

import (
	"testing"

	"github.com/miekg/pkcs11"
)

// runs is one of the five kinds of operation, with one call of each shape.
type runs struct {
	name                       string
	init, whole, update, final func(g *ground) error
}

// everyRun is on 16-byte messages, each with a key of its own.
func everyRun(g *ground) []runs {
	enc, dec := g.create(aesOf(key32, cE)), g.create(aesOf(key32, cD))
	mac := g.create(genericOf(key32, cS, cV))
	check(g.t, g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac))
	tag, err := g.Sign(g.s, key16)
	check(g.t, err)
	ecb := plain(pkcs11.CKM_AES_ECB)
	return []runs{
		{"encrypt", func(g *ground) error { return g.EncryptInit(g.s, ecb, enc) },
			func(g *ground) error { return second(g.Encrypt(g.s, key16)) },
			func(g *ground) error { return second(g.EncryptUpdate(g.s, key16)) },
			func(g *ground) error { return second(g.EncryptFinal(g.s)) }},
		{"decrypt", func(g *ground) error { return g.DecryptInit(g.s, ecb, dec) },
			func(g *ground) error { return second(g.Decrypt(g.s, key16)) },
			func(g *ground) error { return second(g.DecryptUpdate(g.s, key16)) },
			func(g *ground) error { return second(g.DecryptFinal(g.s)) }},
		{"digest", func(g *ground) error { return g.DigestInit(g.s, plain(pkcs11.CKM_SHA256)) },
			func(g *ground) error { return second(g.Digest(g.s, key16)) },
			func(g *ground) error { return g.DigestUpdate(g.s, key16) },
			func(g *ground) error { return second(g.DigestFinal(g.s)) }},
		{"sign", func(g *ground) error { return g.SignInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac) },
			func(g *ground) error { return second(g.Sign(g.s, key16)) },
			func(g *ground) error { return g.SignUpdate(g.s, key16) },
			func(g *ground) error { return second(g.SignFinal(g.s)) }},
		{"verify", func(g *ground) error { return g.VerifyInit(g.s, plain(pkcs11.CKM_SHA256_HMAC), mac) },
			func(g *ground) error { return g.Verify(g.s, key16, tag) },
			func(g *ground) error { return g.VerifyUpdate(g.s, key16) },
			func(g *ground) error { return g.VerifyFinal(g.s, tag) }},
	}
}

// Each row is a sequence of calls and what the last one says; those before it succeed, or
// fail as their mark tells. v2.40 §5.2 and §5.8 to §5.12 are the source of all.
func TestOperationsInEveryOrder(t *testing.T) {
	const idle, active = pkcs11.CKR_OPERATION_NOT_INITIALIZED, pkcs11.CKR_OPERATION_ACTIVE
	for _, row := range []struct {
		calls string // i init, w whole, u update, f final, c C_SessionCancel, x a call that fails; the last is judged
		want  uint
		why   string
	}{
		{"w", idle, "nothing was begun"},
		{"u", idle, "nothing was begun"},
		{"f", idle, "nothing was begun"},
		{"iw", pkcs11.CKR_OK, "one part"},
		{"iuf", pkcs11.CKR_OK, "many parts"},
		{"iuu", pkcs11.CKR_OK, "as many parts as one likes"},
		{"ii", active, "one operation of a kind in a session"},
		{"iui", active, "also between parts"},
		{"iww", idle, "one part ends it"},
		{"iuff", idle, "the last part ends it"},
		{"iwu", idle, "no part after the end"},
		{"iwiw", pkcs11.CKR_OK, "the next may begin"},
		{"iuw", idle, "one part does not end many"},
		{"iuxf", idle, "and it ends what it found"},
		{"icw", idle, "a cancelled one is gone"},
		{"iucf", idle, "a cancelled one is gone, between parts too"},
		{"ici", pkcs11.CKR_OK, "its place is free"},
	} {
		g := memoryToken(t)
		for _, op := range everyRun(g) {
			if err := op.play(g, row.calls); says(err) != says(pkcs11.Error(row.want)) && (err != nil || row.want != pkcs11.CKR_OK) {
				t.Errorf("%s %s: %v, want %v: %s", op.name, row.calls, err, pkcs11.Error(row.want), row.why)
			}
			check(t, extended(g).SessionCancel(g.s, ^uint(0)))
		}
	}
}

// play makes the calls of a row and gives the answer of the last.
func (op runs) play(g *ground, calls string) (err error) {
	shapes := map[rune]func(*ground) error{'i': op.init, 'w': op.whole, 'u': op.update, 'f': op.final, 'x': op.whole,
		'c': func(g *ground) error { return extended(g).SessionCancel(g.s, ^uint(0)) }}
	for _, c := range calls {
		if err = shapes[c](g); err == nil && c == 'x' {
			g.t.Errorf("%s %s: a call that must fail does not", op.name, calls)
		}
	}
	return err
}

// An operation ends with an error of its own, and outlives those of others.
func TestWhatEndsAnOperation(t *testing.T) {
	g := memoryToken(t)
	enc, padded, mac := g.create(aesOf(key32, cE)), g.create(aesOf(key32, cD)), g.create(genericOf(key32, cS, cV))
	iv := make([]byte, 16)
	hidden := g.create(genericOf(key32, cS, pkcs11.CKA_SENSITIVE))
	sha, hmac := plain(pkcs11.CKM_SHA256), plain(pkcs11.CKM_SHA256_HMAC)
	one := func(f func(pkcs11.SessionHandle, []byte) ([]byte, error), in []byte) func() error {
		return func() error { return second(f(g.s, in)) }
	}
	begin := func(f func(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle) error, m []*pkcs11.Mechanism, key pkcs11.ObjectHandle) func() error {
		return func() error { return f(g.s, m, key) }
	}
	digest := func() error { return g.DigestInit(g.s, sha) }
	digestKey := func(key pkcs11.ObjectHandle) func() error { return func() error { return g.DigestKey(g.s, key) } }
	digestFinal := func() error { return second(g.DigestFinal(g.s)) }
	verify := func() error { return g.Verify(g.s, key16, key32) }
	verifyFinal := func() error { return g.VerifyFinal(g.s, key16) }
	search := func() error { return g.FindObjectsInit(g.s, nil) }
	find := func(most int) func() error {
		return func() error { _, _, err := g.FindObjects(g.s, most); return err }
	}
	nothing := func() error { return nil }
	const idle, active = pkcs11.CKR_OPERATION_NOT_INITIALIZED, pkcs11.CKR_OPERATION_ACTIVE
	for _, row := range []struct {
		name  string
		begin func() error
		fails func() error
		with  uint
		then  func() error
		says  uint
	}{
		{"C_Encrypt of half a block ends it", begin(g.EncryptInit, plain(pkcs11.CKM_AES_ECB), enc),
			one(g.Encrypt, key16[:5]), pkcs11.CKR_DATA_LEN_RANGE, one(g.Encrypt, key16), idle},
		{"C_Decrypt of wrong padding ends it", begin(g.DecryptInit, with(pkcs11.CKM_AES_CBC_PAD, iv), padded),
			one(g.Decrypt, key16), pkcs11.CKR_ENCRYPTED_DATA_INVALID, one(g.Decrypt, key16), idle},
		{"C_Verify of a wrong signature ends it", begin(g.VerifyInit, hmac, mac), verify, pkcs11.CKR_SIGNATURE_INVALID, verify, idle},
		{"C_VerifyFinal of a short one ends it", begin(g.VerifyInit, hmac, mac), verifyFinal, pkcs11.CKR_SIGNATURE_LEN_RANGE, verifyFinal, idle},
		{"C_DigestKey of a hidden key does not", digest, digestKey(hidden), pkcs11.CKR_KEY_INDIGESTIBLE, digestFinal, pkcs11.CKR_OK},
		{"C_DigestKey of no key does not", digest, digestKey(1 << 40), pkcs11.CKR_KEY_HANDLE_INVALID, digestFinal, pkcs11.CKR_OK},
		{"a second C_SignInit does not", begin(g.SignInit, hmac, mac), begin(g.SignInit, hmac, mac), active, one(g.Sign, key16), pkcs11.CKR_OK},
		{"a C_SignInit that fails begins nothing", nothing, begin(g.SignInit, hmac, 1<<40), pkcs11.CKR_KEY_HANDLE_INVALID, one(g.Sign, key16), idle},
		{"C_FindObjects for none does not", search, find(0), pkcs11.CKR_ARGUMENTS_BAD, find(1), pkcs11.CKR_OK},
		{"a second C_FindObjectsInit does not", nothing, search, active, find(1), pkcs11.CKR_OK},
	} {
		check(t, row.begin())
		wants(t, row.name, row.fails(), row.with)
		wants(t, row.name+": then", row.then(), row.says)
	}
}
