package mechanism_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// fields is an array of CK_PRF_DATA_PARAM.
type fields struct {
	p *runtime.Pinner
	n uint64
	b []byte
}

func (f *fields) add(kind uint64, value []byte) *fields {
	f.b = append(f.b, words(kind, at(f.p, value), uint64(len(value)))...)
	f.n++
	return f
}

// parameter is a CK_SP800_108_KDF_PARAMS or, with an IV, the feedback mode's.
func (f *fields) parameter(prf uint64, iv []byte) []byte {
	if iv == nil {
		return words(prf, f.n, at(f.p, f.b), 0, 0)
	}
	return words(prf, f.n, at(f.p, f.b), uint64(len(iv)), at(f.p, iv), 0, 0)
}

const iteration, counter, keyLength, byteArray = 1, 2, 3, 4 // CK_SP800_108_…

var (
	fixed  = []byte("label\x00context")
	number = words(0, 32)    // 32 bits, big-endian
	length = words(1, 0, 32) // of the key, in 32 bits, big-endian
)

// Values of OpenSSL 3's KBKDF: label "label", context "context", counter and length of
// 32 bits.
func TestSP800108Vectors(t *testing.T) {
	k := mechanism.NewSecret(count(0, 24))
	var p runtime.Pinner
	defer p.Unpin()
	inCounter := func() *fields {
		return (&fields{p: &p}).add(iteration, number).add(byteArray, fixed).add(keyLength, length)
	}
	fed := (&fields{p: &p}).add(iteration, nil).add(counter, number).add(byteArray, fixed).add(keyLength, length)
	for _, c := range []struct {
		mech  uint
		param []byte
		want  string
	}{
		{mechanism.CKM_SP800_108_COUNTER_KDF, inCounter().parameter(pkcs11.CKM_SHA256_HMAC, nil), "078ad114ef7251b690ce92de8d5ab7a4e5f3ae65b301f04715d923b79e1b62806a0a0374d902d872"},
		{mechanism.CKM_SP800_108_COUNTER_KDF, inCounter().parameter(pkcs11.CKM_AES_CMAC, nil), "f43d3b256dfa48610f5f90afb678bcedd110ceca31d65a54571f043595fb2f28b772775a5bb0a028"},
		{mechanism.CKM_SP800_108_FEEDBACK_KDF, fed.parameter(pkcs11.CKM_SHA256_HMAC, bytes.Repeat(unhex("aabbccdd"), 8)), "1afe077431ccf7d9086919583bb5e7832ee83e00b2c37792e4402d112b59fed85557021043186b6f"},
	} {
		got, err := deriving(k, c.mech, c.param, 40)
		if err != nil || hex.EncodeToString(got) != c.want {
			t.Errorf("%#x: %x, %v", c.mech, got, err)
		}
	}
}

// The double pipeline, with numbers of any width and order, against NIST SP 800-108r1
// §4.3 written down again.
func TestDoublePipeline(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p runtime.Pinner
		defer p.Unpin()
		key, data := bytesOf(t, "key", rapid.IntRange(1, 70).Draw(t, "key length")), bytesOf(t, "data", rapid.IntRange(1, 40).Draw(t, "data length"))
		n, width := rapid.IntRange(1, 100).Draw(t, "length"), 8*rapid.IntRange(1, 4).Draw(t, "width")
		little, ofBlocks := rapid.Bool().Draw(t, "little"), rapid.Bool().Draw(t, "of blocks")
		encode := func(v, bytes int) []byte {
			if little {
				return binary.LittleEndian.AppendUint64(nil, uint64(v))[:bytes]
			}
			return binary.BigEndian.AppendUint64(nil, uint64(v))[8-bytes:]
		}
		prf := func(m []byte) []byte {
			h := hmac.New(sha256.New, key)
			h.Write(m)
			return h.Sum(nil)
		}
		order, method, bits := uint64(0), uint64(1), 8*n
		if little {
			order = 1
		}
		if ofBlocks {
			method, bits = 2, 8*32*((n+31)/32)
		}
		rest := append(bytes.Clone(data), encode(bits, 8)...)
		a, want := rest, []byte(nil)
		for i := 1; len(want) < n; i++ {
			a = prf(a)
			want = append(want, prf(append(append(bytes.Clone(a), encode(i, width/8)...), rest...))...)
		}
		f := (&fields{p: &p}).add(iteration, nil).add(counter, words(order, uint64(width))).add(byteArray, data).add(keyLength, words(method, order, 64))
		got, err := deriving(mechanism.NewSecret(key), mechanism.CKM_SP800_108_DOUBLE_PIPELINE_KDF, f.parameter(pkcs11.CKM_SHA256_HMAC, nil), n)
		if err != nil || !bytes.Equal(got, want[:n]) {
			t.Fatalf("%x, %v, want %x", got, err, want[:n])
		}
	})
}

func TestSP800108Refusals(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	k, none := mechanism.NewSecret(make([]byte, 16)), func() *fields { return &fields{p: &p} }
	const inCounter, inPipeline = mechanism.CKM_SP800_108_COUNTER_KDF, mechanism.CKM_SP800_108_DOUBLE_PIPELINE_KDF
	for name, c := range map[string]struct {
		mech   uint
		fields *fields
		prf    uint64
		n      int
	}{
		"no iteration":               {inCounter, none().add(byteArray, fixed), pkcs11.CKM_SHA256_HMAC, 16},
		"two iterations":             {inCounter, none().add(iteration, number).add(iteration, number), pkcs11.CKM_SHA256_HMAC, 16},
		"an iteration of no width":   {inCounter, none().add(iteration, nil), pkcs11.CKM_SHA256_HMAC, 16},
		"a counter beside it":        {inCounter, none().add(iteration, number).add(counter, number), pkcs11.CKM_SHA256_HMAC, 16},
		"a counter for a chain":      {inPipeline, none().add(iteration, number), pkcs11.CKM_SHA256_HMAC, 16},
		"two counters":               {inPipeline, none().add(iteration, nil).add(counter, number).add(counter, number), pkcs11.CKM_SHA256_HMAC, 16},
		"a counter that runs over":   {inCounter, none().add(iteration, words(0, 8)), pkcs11.CKM_SHA256_HMAC, 256 * 32},
		"a digest":                   {inCounter, none().add(iteration, number), pkcs11.CKM_SHA256, 16},
		"a MAC of another length":    {inCounter, none().add(iteration, number), pkcs11.CKM_SHA256_HMAC_GENERAL, 16},
		"a key of an unknown length": {inCounter, none().add(iteration, number), pkcs11.CKM_SHA256_HMAC, 0},
	} {
		_, err := deriving(k, c.mech, c.fields.parameter(c.prf, nil), c.n)
		wants(t, name, err, pkcs11.CKR_MECHANISM_PARAM_INVALID)
	}
	_, err := deriving(mechanism.NewSecret(make([]byte, 20)), inCounter, none().add(iteration, number).parameter(pkcs11.CKM_AES_CMAC, nil), 16)
	wants(t, "CMAC under 20 bytes", err, pkcs11.CKR_KEY_SIZE_RANGE)
}
