package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

//export epsemu_InitPIN
func epsemu_InitPIN(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		PIN, err := text(in, inLen)
		if err != nil {
			return err
		}
		return m.InitPIN(sh, PIN)
	})
	return rv
}

//export epsemu_SetPIN
func epsemu_SetPIN(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, in2 *C.CK_BYTE, in2Len C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		oldPIN, err := text(in, inLen)
		if err != nil {
			return err
		}
		newPIN, err := text(in2, in2Len)
		if err != nil {
			return err
		}
		return m.SetPIN(sh, oldPIN, newPIN)
	})
	return rv
}

//export epsemu_OpenSession
func epsemu_OpenSession(slot, flags C.CK_ULONG, application, notify unsafe.Pointer, opened *C.CK_ULONG) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		if opened == nil {
			return argumentsBad
		}
		sh, err := m.OpenSession(uint(slot), uint(flags))
		if err == nil {
			forget(C.CK_ULONG(sh), every) // of an earlier session under this handle
			*opened = C.CK_ULONG(sh)
		}
		return err
	})
	return rv
}

//export epsemu_CloseSession
func epsemu_CloseSession(session C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		forget(session, every)
		err := m.CloseSession(sh)
		drop(0, isWrapKey) // of session objects that have gone with it
		return err
	})
	return rv
}

//export epsemu_CloseAllSessions
func epsemu_CloseAllSessions(slot C.CK_ULONG) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		err := m.CloseAllSessions(uint(slot))
		if err == nil {
			forgetEnded(m)
		}
		return err
	})
	return rv
}

//export epsemu_GetSessionInfo
func epsemu_GetSessionInfo(session C.CK_ULONG, out *C.CK_SESSION_INFO) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		if out == nil {
			return argumentsBad
		}
		info, err := m.GetSessionInfo(sh)
		if err != nil {
			return err
		}
		out.slotID, out.state = C.CK_ULONG(info.SlotID), C.CK_ULONG(info.State)
		out.flags, out.ulDeviceError = C.CK_ULONG(info.Flags), C.CK_ULONG(info.DeviceError)
		return nil
	})
	return rv
}

//export epsemu_GetOperationState
func epsemu_GetOperationState(session C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) (rv C.CK_RV) {
	return transform(session, cryptoki.GetOperationState, nil, 0, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, _ []byte) ([]byte, error) {
			return m.GetOperationState(sh)
		})
}

//export epsemu_SetOperationState
func epsemu_SetOperationState(session C.CK_ULONG, in *C.CK_BYTE, inLen, encryption, authentication C.CK_ULONG) (rv C.CK_RV) {
	return feed(session, in, inLen, func(m cryptoki.Extended, sh pkcs11.SessionHandle, state []byte) error {
		return m.SetOperationState(sh, state, object(encryption), object(authentication))
	})
}

//export epsemu_Login
func epsemu_Login(session, user C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		PIN, err := text(in, inLen)
		if err != nil {
			return err
		}
		return m.Login(sh, uint(user), PIN)
	})
	return rv
}

//export epsemu_LoginUser
func epsemu_LoginUser(session, user C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, in2 *C.CK_BYTE, in2Len C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		PIN, err := text(in, inLen)
		if err != nil {
			return err
		}
		name, err := text(in2, in2Len)
		if err != nil {
			return err
		}
		return m.LoginUser(sh, uint(user), PIN, name)
	})
	return rv
}

//export epsemu_Logout
func epsemu_Logout(session C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		err := m.Logout(sh)
		forgetSlot(m, sh) // private keys go in every session, also where the answer is lost
		return err
	})
	return rv
}

//export epsemu_SessionCancel
func epsemu_SessionCancel(session, flags C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		for _, o := range operations {
			if uint(flags)&o.flag != 0 {
				over(session, o)
			}
		}
		return m.SessionCancel(sh, uint(flags))
	})
	return rv
}

//export epsemu_SeedRandom
func epsemu_SeedRandom(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG) C.CK_RV {
	return feed(session, in, inLen, func(m cryptoki.Extended, sh pkcs11.SessionHandle, seed []byte) error { return m.SeedRandom(sh, seed) })
}

//export epsemu_GenerateRandom
func epsemu_GenerateRandom(session C.CK_ULONG, out *C.CK_BYTE, length C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		room, err := view(out, length)
		if err != nil {
			return err
		}
		drawn, err := m.GenerateRandom(sh, len(room))
		copy(room, drawn)
		return err
	})
	return rv
}
