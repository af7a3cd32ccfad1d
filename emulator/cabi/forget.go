package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// forget drops what waits in a session, or in all of them with session 0, and what C knows
// of it.
func forget(session C.CK_ULONG, which func(cryptoki.Function) bool) {
	if session == 0 {
		doubtAll()
	} else {
		doubt(session)
	}
	drop(session, which)
}

// drop drops what waits in a session, or in all of them with session 0.
func drop(session C.CK_ULONG, which func(cryptoki.Function) bool) {
	for i := range pending {
		if session != 0 && C.CK_ULONG(i) != session%64 {
			continue
		}
		shard := &pending[i]
		if shard.count.Load() == 0 {
			continue
		}
		shard.mu.Lock()
		for p, out := range shard.kept {
			if (session == 0 || p.session == session) && which(p.function) {
				out.clear()
				delete(shard.kept, p)
			}
		}
		shard.count.Store(int64(len(shard.kept)))
		shard.mu.Unlock()
	}
}

// forgetEnded drops what waits in sessions that are no more, and the keys that C_WrapKey has
// wrapped, which may have gone with them.
func forgetEnded(m cryptoki.Extended) {
	forget(0, isWrapKey)
	for session := range waitingSessions() {
		if _, err := m.GetSessionInfo(pkcs11.SessionHandle(session)); err != nil {
			forget(session, every)
		}
	}
}

// forgetSlot drops what waits in the sessions of a slot, sh being one of them, and in those
// whose slot cannot be told.
func forgetSlot(m cryptoki.Extended, sh pkcs11.SessionHandle) {
	doubtAll()
	sessions := waitingSessions()
	if len(sessions) == 0 {
		return
	}
	here, err := m.GetSessionInfo(sh)
	if err != nil {
		forget(0, every)
		return
	}
	for session := range sessions {
		if there, err := m.GetSessionInfo(pkcs11.SessionHandle(session)); err != nil || there.SlotID == here.SlotID {
			forget(session, every)
		}
	}
}

// waitingSessions are those that an output waits in.
func waitingSessions() map[C.CK_ULONG]bool {
	sessions := map[C.CK_ULONG]bool{}
	for i := range pending {
		shard := &pending[i]
		shard.mu.Lock()
		for p := range shard.kept {
			sessions[p.session] = true
		}
		shard.mu.Unlock()
	}
	return sessions
}

func every(cryptoki.Function) bool { return true }
