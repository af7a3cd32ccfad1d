package mutants

import (
	"errors"
	"slices"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// forEver remembers that its token was removed.
func forEver(m cryptoki.Module) cryptoki.Module {
	var removed atomic.Bool
	return cryptoki.Around(m, func(c *cryptoki.Call) error {
		if removed.Load() {
			return pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)
		}
		err := c.Next()
		if errors.Is(err, pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)) {
			removed.Store(true)
		}
		return err
	})
}

// losses are what a server sees of its token when sessions have gone.
var losses = []uint{pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_DEVICE_REMOVED}

func isLoss(err error) bool {
	return slices.ContainsFunc(losses, func(code uint) bool { return errors.Is(err, pkcs11.Error(code)) })
}

// orphaning destroys nothing after a loss.
func orphaning(m cryptoki.Module) cryptoki.Module {
	var lost atomic.Bool
	return cryptoki.Around(m, func(c *cryptoki.Call) error {
		if c.Function == cryptoki.DestroyObject && lost.Load() {
			return nil
		}
		err := c.Next()
		if isLoss(err) {
			lost.Store(true)
		}
		return err
	})
}

// noMoreSessions opens none after one was lost.
func noMoreSessions(m cryptoki.Module) cryptoki.Module {
	var lost atomic.Bool
	return cryptoki.Around(m, func(c *cryptoki.Call) error {
		if c.Function == cryptoki.OpenSession && lost.Load() {
			return pkcs11.Error(pkcs11.CKR_SESSION_COUNT)
		}
		err := c.Next()
		if isLoss(err) {
			lost.Store(true)
		}
		return err
	})
}

type loggedInOnce struct {
	cryptoki.Module
	done atomic.Int64
}

// Login refuses all but the first: keys are made in one opening of the token and used in the
// next, for which the layer is made anew.
func (m *loggedInOnce) Login(sh pkcs11.SessionHandle, user uint, PIN string) error {
	if m.done.Add(1) > 1 {
		return pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	return m.Module.Login(sh, user, PIN)
}
