package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"sync"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// pending are the outputs that a program has asked the length of and not fetched yet: the
// module has made them already, so that a layer sees one call where C makes two (v2.40 §5.2).
var pending [64]struct {
	mu   sync.Mutex
	kept map[place][]byte
}

// place is where an output waits. For C_WrapKey, which is no operation of the session, the
// keys belong to it.
type place struct {
	session      C.CK_ULONG
	function     cryptoki.Function
	first, other C.CK_ULONG
}

func (p place) take() ([]byte, bool) {
	shard := &pending[p.session%64]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	out, ok := shard.kept[p]
	if ok {
		delete(shard.kept, p)
	}
	return out, ok
}

func (p place) keep(out []byte) {
	shard := &pending[p.session%64]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.kept == nil {
		shard.kept = make(map[place][]byte)
	}
	shard.kept[p] = out
}

// forget drops what waits in a session, or in all of them with session 0.
func forget(session C.CK_ULONG, which func(cryptoki.Function) bool) {
	for i := range pending {
		if session != 0 && C.CK_ULONG(i) != session%64 {
			continue
		}
		shard := &pending[i]
		shard.mu.Lock()
		for p, out := range shard.kept {
			if (session == 0 || p.session == session) && which(p.function) {
				clear(out)
				delete(shard.kept, p)
			}
		}
		shard.mu.Unlock()
	}
}

func every(cryptoki.Function) bool { return true }

// waiting tells whether an output of these functions waits: the operation is active still.
func waiting(session C.CK_ULONG, functions ...cryptoki.Function) bool {
	shard := &pending[session%64]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if len(shard.kept) == 0 {
		return false
	}
	for _, f := range functions {
		if _, ok := shard.kept[place{session: session, function: f}]; ok {
			return true
		}
	}
	return false
}

// give answers a function that returns bytes: it runs the call, unless the output waits
// already, and hands it over where there is room.
func give(p place, out *C.CK_BYTE, outLen *C.CK_ULONG, call func() ([]byte, error)) error {
	if outLen == nil {
		return argumentsBad
	}
	made, ok := p.take()
	if !ok {
		var err error
		if made, err = call(); err != nil {
			return err
		}
	}
	room := *outLen
	*outLen = C.CK_ULONG(len(made))
	switch {
	case out == nil:
		p.keep(made)
		return nil
	case room < C.CK_ULONG(len(made)):
		p.keep(made)
		return pkcs11.Error(pkcs11.CKR_BUFFER_TOO_SMALL)
	}
	copy(unsafe.Slice((*byte)(out), len(made)), made)
	clear(made)
	return nil
}
