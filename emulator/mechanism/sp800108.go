package mechanism

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// The three modes of NIST SP 800-108r1; PKCS #11 v3.0 §2.42.
var sp800108Table = []Spec{
	{Type: CKM_SP800_108_COUNTER_KDF, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: kbkdf(counterMode)},
	{Type: CKM_SP800_108_FEEDBACK_KDF, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: kbkdf(feedbackMode)},
	{Type: CKM_SP800_108_DOUBLE_PIPELINE_KDF, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: kbkdf(pipelineMode)},
}

type kdfMode int

const (
	counterMode  kdfMode = iota
	feedbackMode         // each block goes into the next
	pipelineMode         // a chain of its own goes into each block
)

// kdfRun is one derivation; it asks the PRF block by block.
type kdfRun struct {
	cryptoki.KDF
	mode kdfMode
	prf  func(message []byte) ([]byte, error)
	size int // bytes of a block
	want int // bytes of the key
}

func kbkdf(mode kdfMode) deriveFunc {
	return func(k *Key, m *pkcs11.Mechanism, d Derivation) ([]byte, error) {
		p, err := cryptoki.KDFParameter(m, mode == feedbackMode)
		if err != nil {
			return nil, err
		}
		r := &kdfRun{KDF: p, mode: mode, want: d.Length}
		if err := r.choose(k); err != nil {
			return nil, err
		}
		if !r.sound() {
			return nil, errParameter
		}
		return r.derive()
	}
}

// choose finds the PRF: an HMAC, or CMAC over AES.
func (r *kdfRun) choose(k *Key) error {
	spec := &Spec{sign: cmac}
	r.size = blockSize
	if h := slices.IndexFunc(digests[:], func(row digestRow) bool { return row.hmac == r.PRF }); h >= 0 {
		spec = &Spec{hash: Hash(h)}
		r.size = digests[h].make().Size()
	} else if r.PRF != pkcs11.CKM_AES_CMAC {
		return errParameter
	}
	var h Hashing
	r.prf = func(message []byte) ([]byte, error) {
		if err := h.Start(spec, k, pkcs11.NewMechanism(r.PRF, nil)); err != nil {
			return nil, err
		}
		h.Write(message)
		return h.Sign()
	}
	return nil
}

// sound tells whether the fields are those of the mode: the iteration variable once, and a
// counter in the counter mode, which a mode with a chain has beside it or not.
func (r *kdfRun) sound() bool {
	iterations, counters := 0, 0
	for _, f := range r.Fields {
		switch f.Kind {
		case cryptoki.IterationVariable:
			iterations++
			if (f.Bits != 0) != (r.mode == counterMode) {
				return false
			}
		case cryptoki.OptionalCounter:
			counters++
		}
		if f.Bits != 0 && f.Kind != cryptoki.KeyLength && r.blocks()>>f.Bits != 0 {
			return false // the counter would start again
		}
	}
	return r.want > 0 && iterations == 1 && counters <= 1 && (counters == 0 || r.mode != counterMode)
}

func (r *kdfRun) blocks() uint64 { return uint64((r.want + r.size - 1) / r.size) }

func (r *kdfRun) derive() (out []byte, err error) {
	chain := r.IV
	if r.mode == pipelineMode {
		chain = r.message(0, nil, false)
	}
	for i := uint64(1); i <= r.blocks(); i++ {
		if r.mode == pipelineMode {
			if chain, err = r.prf(chain); err != nil {
				return nil, err
			}
		}
		block, err := r.prf(r.message(i, chain, true))
		if err != nil {
			return nil, err
		}
		if r.mode == feedbackMode {
			chain = block
		}
		out = append(out, block...)
	}
	return out[:r.want:r.want], nil
}

// message joins the fields of block i; without what moves it is the chain's start.
func (r *kdfRun) message(i uint64, chain []byte, moving bool) (out []byte) {
	for _, f := range r.Fields {
		switch f.Kind {
		case cryptoki.IterationVariable, cryptoki.OptionalCounter:
			switch {
			case !moving:
			case f.Bits != 0:
				out = append(out, kdfNumber(f, i)...)
			default:
				out = append(out, chain...)
			}
		case cryptoki.KeyLength:
			bytes := uint64(r.want)
			if f.OfBlocks {
				bytes = r.blocks() * uint64(r.size)
			}
			out = append(out, kdfNumber(f, 8*bytes)...)
		default:
			out = append(out, f.Bytes...)
		}
	}
	return out
}

func kdfNumber(f cryptoki.KDFField, v uint64) []byte {
	if f.LittleEndian {
		return binary.LittleEndian.AppendUint64(nil, v)[:f.Bits/8]
	}
	return binary.BigEndian.AppendUint64(nil, v)[8-f.Bits/8:]
}
