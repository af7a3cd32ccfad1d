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

//export epsemu_Initialize
func epsemu_Initialize(args unsafe.Pointer) (rv C.CK_RV) {
	defer caught(&rv)
	opening.Lock()
	defer opening.Unlock()
	if running.Load() != nil {
		return C.CK_RV(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)
	}
	if err := acceptable((*C.CK_C_INITIALIZE_ARGS)(args)); err != nil {
		return code(err)
	}
	m, err := open()
	if err != nil {
		return code(err)
	}
	if err := m.Initialize(); err != nil {
		return code(err)
	}
	running.Store(&m)
	keep(socket)
	return C.CKR_OK
}

// acceptable judges what a program says about its threads (v2.40 §5.4). Go brings locks of
// its own. Its threads are there before C_Initialize, so CKF_LIBRARY_CANT_CREATE_OS_THREADS,
// which p11tool of GnuTLS sets, comes too late to be kept, and is no reason to refuse.
func acceptable(args *C.CK_C_INITIALIZE_ARGS) error {
	if args == nil {
		return nil
	}
	given := 0
	for _, f := range []unsafe.Pointer{args.CreateMutex, args.DestroyMutex, args.LockMutex, args.UnlockMutex} {
		if f != nil {
			given++
		}
	}
	switch flags := uint(args.flags); {
	case args.pReserved != nil, given != 0 && given != 4:
		return argumentsBad
	case given == 4 && flags&pkcs11.CKF_OS_LOCKING_OK == 0:
		return pkcs11.Error(pkcs11.CKR_CANT_LOCK)
	}
	return nil
}

//export epsemu_Finalize
func epsemu_Finalize(reserved unsafe.Pointer) (rv C.CK_RV) {
	defer caught(&rv)
	if reserved != nil {
		return C.CKR_ARGUMENTS_BAD
	}
	opening.Lock()
	defer opening.Unlock()
	m := running.Swap(nil)
	if m == nil {
		return C.CK_RV(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
	}
	forget(0, every)
	keep("")
	return code((*m).Finalize())
}

//export epsemu_GetInfo
func epsemu_GetInfo(out *C.CK_INFO) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		if out == nil {
			return argumentsBad
		}
		info, err := m.GetInfo()
		if err != nil {
			return err
		}
		out.cryptokiVersion, out.libraryVersion, out.flags = version(info.CryptokiVersion), version(info.LibraryVersion), 0
		padded(out.manufacturerID[:], info.ManufacturerID)
		padded(out.libraryDescription[:], info.LibraryDescription)
		return nil
	})
	return rv
}

//export epsemu_GetSlotList
func epsemu_GetSlotList(present C.CK_BYTE, list, count *C.CK_ULONG) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		ids, err := m.GetSlotList(present != 0)
		if err != nil {
			return err
		}
		return fill(list, count, ids)
	})
	return rv
}

//export epsemu_GetSlotInfo
func epsemu_GetSlotInfo(slot C.CK_ULONG, out *C.CK_SLOT_INFO) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		if out == nil {
			return argumentsBad
		}
		info, err := m.GetSlotInfo(uint(slot))
		if err != nil {
			return err
		}
		padded(out.slotDescription[:], info.SlotDescription)
		padded(out.manufacturerID[:], info.ManufacturerID)
		out.flags = C.CK_ULONG(info.Flags)
		out.hardwareVersion, out.firmwareVersion = version(info.HardwareVersion), version(info.FirmwareVersion)
		return nil
	})
	return rv
}

//export epsemu_GetTokenInfo
func epsemu_GetTokenInfo(slot C.CK_ULONG, out *C.CK_TOKEN_INFO) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		if out == nil {
			return argumentsBad
		}
		info, err := m.GetTokenInfo(uint(slot))
		if err != nil {
			return err
		}
		padded(out.label[:], info.Label)
		padded(out.manufacturerID[:], info.ManufacturerID)
		padded(out.model[:], info.Model)
		padded(out.serialNumber[:], info.SerialNumber)
		padded(out.utcTime[:], info.UTCTime)
		for _, f := range []struct {
			to   *C.CK_ULONG
			from uint
		}{
			{&out.flags, info.Flags},
			{&out.ulMaxSessionCount, info.MaxSessionCount}, {&out.ulSessionCount, info.SessionCount},
			{&out.ulMaxRwSessionCount, info.MaxRwSessionCount}, {&out.ulRwSessionCount, info.RwSessionCount},
			{&out.ulMaxPinLen, info.MaxPinLen}, {&out.ulMinPinLen, info.MinPinLen},
			{&out.ulTotalPublicMemory, info.TotalPublicMemory}, {&out.ulFreePublicMemory, info.FreePublicMemory},
			{&out.ulTotalPrivateMemory, info.TotalPrivateMemory}, {&out.ulFreePrivateMemory, info.FreePrivateMemory},
		} {
			*f.to = C.CK_ULONG(f.from)
		}
		out.hardwareVersion, out.firmwareVersion = version(info.HardwareVersion), version(info.FirmwareVersion)
		return nil
	})
	return rv
}

//export epsemu_GetMechanismList
func epsemu_GetMechanismList(slot C.CK_ULONG, list, count *C.CK_ULONG) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		mechanisms, err := m.GetMechanismList(uint(slot))
		if err != nil {
			return err
		}
		types := make([]uint, len(mechanisms))
		for i, one := range mechanisms {
			types[i] = one.Mechanism
		}
		return fill(list, count, types)
	})
	return rv
}

//export epsemu_GetMechanismInfo
func epsemu_GetMechanismInfo(slot, typ C.CK_ULONG, out *C.CK_MECHANISM_INFO) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		if out == nil {
			return argumentsBad
		}
		info, err := m.GetMechanismInfo(uint(slot), []*pkcs11.Mechanism{{Mechanism: uint(typ)}})
		if err != nil {
			return err
		}
		out.ulMinKeySize, out.ulMaxKeySize, out.flags = C.CK_ULONG(info.MinKeySize), C.CK_ULONG(info.MaxKeySize), C.CK_ULONG(info.Flags)
		return nil
	})
	return rv
}

const labelSize = 32 // bytes of a token's label, padded with blanks

//export epsemu_InitToken
func epsemu_InitToken(slot C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, label *C.CK_BYTE) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		PIN, err := text(in, inLen)
		if err != nil {
			return err
		}
		name, err := text(label, labelSize)
		if err != nil {
			return err
		}
		return m.InitToken(uint(slot), PIN, name)
	})
	return rv
}

//export epsemu_WaitForSlotEvent
func epsemu_WaitForSlotEvent(flags C.CK_ULONG, slot *C.CK_ULONG, reserved unsafe.Pointer) (rv C.CK_RV) {
	with(&rv, func(m cryptoki.Extended) error {
		if slot == nil || reserved != nil {
			return argumentsBad
		}
		id, err := m.SlotEvent(uint(flags))
		if err == nil {
			*slot = C.CK_ULONG(id)
		}
		return err
	})
	return rv
}
