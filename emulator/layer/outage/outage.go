// Package outage takes a token away from the program that uses it, and gives it back:
// pulled out of its slot, its sessions closed, its login ended, or silent.
//
// Start at New. What is done is done to the token behind: sessions are closed and logins
// ended there, so that what the program meets afterwards is the token's own doing.
package outage

import (
	"errors"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Layer stands before a module and lets its calls through until something is taken away.
type Layer struct {
	next cryptoki.Module

	mu     sync.Mutex
	pulled bool
	back   chan struct{} // closed when a silent token speaks again; nil: it is not silent
}

// New gives the layer, and the module that the program is to use.
func New(next cryptoki.Module) (*Layer, cryptoki.Module) {
	l := &Layer{next: next}
	return l, cryptoki.Around(next, l.call)
}

// call is every call of the program.
func (l *Layer) call(c *cryptoki.Call) error {
	l.mu.Lock()
	pulled, back := l.pulled, l.back
	l.mu.Unlock()
	if back != nil {
		<-back
	}
	if pulled {
		return without(c)
	}
	return c.Next()
}

// absent are the answers of a library whose token has gone (PKCS#11 v2.40 §5.4 to §5.6);
// all other functions need a session, which has gone with it.
var absent = map[cryptoki.Function]error{
	cryptoki.Initialize:       pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED),
	cryptoki.GetSlotList:      nil, // no slot has a token
	cryptoki.GetTokenInfo:     pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT),
	cryptoki.GetMechanismList: pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT),
	cryptoki.OpenSession:      pkcs11.Error(pkcs11.CKR_TOKEN_NOT_PRESENT),
}

func without(c *cryptoki.Call) error {
	if err, listed := absent[c.Function]; listed {
		return err
	}
	return pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)
}

// Pull takes the token of a slot out of it: its sessions end. back puts it in again.
func (l *Layer) Pull(slot uint) (back func(), err error) {
	l.mu.Lock()
	l.pulled = true
	l.mu.Unlock()
	back = func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.pulled = false
	}
	if err := l.CloseSessions(slot); err != nil {
		back()
		return nil, err
	}
	return back, nil
}

// Silence has no call come back. When the token speaks again it does what it was asked
// meanwhile, late.
func (l *Layer) Silence() (back func()) {
	gone := make(chan struct{})
	l.mu.Lock()
	l.back = gone
	l.mu.Unlock()
	return sync.OnceFunc(func() {
		l.mu.Lock()
		l.back = nil
		l.mu.Unlock()
		close(gone)
	})
}

// CloseSessions closes every session with the token, and its login ends with them.
func (l *Layer) CloseSessions(slot uint) error { return l.next.CloseAllSessions(slot) }

// Logout ends the login; the sessions stay open.
func (l *Layer) Logout(slot uint) error {
	sh, err := l.next.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return err
	}
	return errors.Join(l.next.Logout(sh), l.next.CloseSession(sh))
}
