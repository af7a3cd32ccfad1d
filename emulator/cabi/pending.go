package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// pending are the outputs that a program has asked the length of and not fetched yet: the
// module has made them already, so that a layer sees one call where C makes two (v2.40 §5.2).
var pending [64]shard

// shard is alone in its cache lines: sessions of other threads are next to it.
type shard struct {
	mu    sync.Mutex
	kept  map[place]output
	count atomic.Int64 // of kept, so that a call where nothing waits takes no lock
	_     [128]byte
}

// output is what waits, and a copy of the input that it was made from.
type output struct{ made, from []byte }

func (o output) clear() {
	clear(o.made)
	clear(o.from)
}

// place is where an output waits.
type place struct {
	session  C.CK_ULONG
	function cryptoki.Function
}

func (p place) take() (output, bool) {
	shard := &pending[p.session%64]
	if shard.count.Load() == 0 {
		return output{}, false
	}
	shard.mu.Lock()
	defer shard.mu.Unlock()
	out, ok := shard.kept[p]
	if ok {
		delete(shard.kept, p)
		shard.count.Store(int64(len(shard.kept)))
	}
	return out, ok
}

func (p place) keep(out output) {
	shard := &pending[p.session%64]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.kept == nil {
		shard.kept = make(map[place]output)
	}
	shard.kept[p] = out
	shard.count.Store(int64(len(shard.kept)))
}

// anyWaits tells whether an output may wait in a session.
func anyWaits(session C.CK_ULONG) bool { return pending[session%64].count.Load() > 0 }

// waiting tells whether an output of an operation waits: it is active still.
func waiting(session C.CK_ULONG, o *operation) bool {
	if !anyWaits(session) {
		return false
	}
	shard := &pending[session%64]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	for p := range shard.kept {
		if p.session == session && o.has(p.function) {
			return true
		}
	}
	return false
}

// give answers a function that makes bytes of in: it runs the call, unless the output waits
// already, and hands it over where there is room.
func give(m cryptoki.Extended, p place, in []byte, out *C.CK_BYTE, outLen *C.CK_ULONG, call func() ([]byte, error)) error {
	if outLen == nil {
		return argumentsBad
	}
	waits, ok := p.take()
	if ok && !bytes.Equal(in, waits.from) {
		waits.clear()
		if err := p.another(m); err != nil {
			return err
		}
		waits, ok = output{}, false
	}
	if !ok {
		var err error
		if waits.made, err = p.run(call); err != nil {
			return err
		}
	}
	return p.hand(waits, in, out, outLen)
}

// another is for the length asked for one input, and then another given. It ends an
// operation, which has eaten the first; without one, the call is made anew.
func (p place) another(m cryptoki.Extended) error {
	o := operationOf(p.function)
	if o == nil {
		return nil
	}
	say("the length was asked for one input, and then another was given: the operation is over")
	over(p.session, o)
	abort(m, pkcs11.SessionHandle(p.session), p.function)
	return pkcs11.Error(pkcs11.CKR_OPERATION_NOT_INITIALIZED)
}

// run makes the call. Where that ends the operation, as an error does, nothing else of it waits.
func (p place) run(call func() ([]byte, error)) ([]byte, error) {
	made, err := call()
	if anyWaits(p.session) {
		if o := operationOf(p.function); o != nil && (err != nil || slices.Contains(o.ends, p.function)) {
			over(p.session, o)
		}
	}
	return made, err
}

// hand hands an output over, or keeps it where there is no room.
func (p place) hand(waits output, in []byte, out *C.CK_BYTE, outLen *C.CK_ULONG) error {
	room := *outLen
	*outLen = C.CK_ULONG(len(waits.made))
	if fits := room >= C.CK_ULONG(len(waits.made)); out == nil || !fits {
		if waits.from == nil {
			waits.from = bytes.Clone(in)
		}
		p.keep(waits)
		if out == nil {
			return nil
		}
		return bufferTooShort
	}
	copy(unsafe.Slice((*byte)(out), len(waits.made)), waits.made)
	waits.clear()
	return nil
}
