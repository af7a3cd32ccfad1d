package speed

import (
	"encoding/binary"
	"runtime"
	"strconv"
	"time"

	"github.com/miekg/pkcs11"
)

// Bounds of a token with many objects.
const (
	mostBytes  = 1024 // of memory a key
	mostSlower = 2    // a search among all of them, beside one among a thousand
)

const few = 1000

// objects measures the memory of a key, and whether a search by label or by id takes as
// long among a million token objects as among a thousand.
func objects(o Options, say func(Row)) error {
	small, err := crowd(few)
	if err != nil {
		return err
	}
	before := heap()
	large, err := crowd(o.Objects)
	if err != nil {
		return err
	}
	bytes := float64(heap()-before) / float64(o.Objects)
	many := strconv.Itoa(o.Objects) + " token objects"
	say(Row{What: "memory of a key", With: many, Value: bytes, Unit: "bytes", Most: mostBytes})
	for _, by := range []struct {
		what string
		of   func(i int) *pkcs11.Attribute
	}{{"search by label", labelled}, {"search by id", identified}} {
		a, b, err := searches(small, large, by.of, o)
		if err != nil {
			return err
		}
		say(Row{What: by.what, With: many + " beside " + strconv.Itoa(few), Value: ratio(b, a), Unit: "× the time", Most: mostSlower})
	}
	small.close()
	large.close()
	return nil
}

func labelled(i int) *pkcs11.Attribute { return attr(pkcs11.CKA_LABEL, "key-"+strconv.Itoa(i)) }

func identified(i int) *pkcs11.Attribute {
	return attr(pkcs11.CKA_ID, binary.BigEndian.AppendUint64(nil, uint64(i)))
}

// crowd is a token in memory with n token keys.
func crowd(n int) (*party, error) {
	p, err := openToken()
	if err != nil {
		return nil, err
	}
	for i := range n {
		t := append(hidden(pkcs11.CKK_GENERIC_SECRET, pkcs11.CKA_SIGN), attr(pkcs11.CKA_VALUE, random(32)), labelled(i), identified(i))
		t[2] = attr(pkcs11.CKA_TOKEN, true)
		if _, err := p.CreateObject(p.s, t); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// heap is what is in use after a collection, bytes.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first has finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func searches(small, large *party, of func(i int) *pkcs11.Attribute, o Options) (a, b []float64, err error) {
	runners := make([]*runner, 2)
	for i, p := range []*party{small, large} {
		want := []*pkcs11.Attribute{of(few / 2)}
		call := func() error {
			if err := p.FindObjectsInit(p.s, want); err != nil {
				return err
			}
			if _, _, err := p.FindObjects(p.s, 2); err != nil {
				return err
			}
			return p.FindObjectsFinal(p.s)
		}
		if runners[i], err = newRunner([]func() error{call}, min(o.Round, 20*time.Millisecond)); err != nil {
			return nil, nil, err
		}
	}
	for range o.Rounds {
		for i, times := range []*[]float64{&a, &b} {
			took, err := runners[i].turn()
			if err != nil {
				return nil, nil, err
			}
			*times = append(*times, took)
		}
	}
	return a, b, nil
}
