package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// with runs f on the module: the common body of every function.
func with(rv *C.CK_RV, f func(m cryptoki.Extended) error) {
	defer caught(rv)
	m, err := module()
	if err == nil {
		err = f(m)
	}
	*rv = code(err)
}

// on runs f on the module and a session.
func on(session C.CK_ULONG, rv *C.CK_RV, f func(m cryptoki.Extended, sh pkcs11.SessionHandle) error) {
	doubt(session)
	with(rv, func(m cryptoki.Extended) error { return f(m, pkcs11.SessionHandle(session)) })
}

// transform runs a function that turns bytes into bytes.
func transform(session C.CK_ULONG, function cryptoki.Function, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG,
	f func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error)) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		data, err := view(in, inLen)
		if err != nil {
			return err
		}
		return give(m, place{session, function}, data, out, outLen, func() ([]byte, error) { return f(m, sh, data) })
	})
	return rv
}

// feed runs a function that takes bytes.
func feed(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, f func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) error) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		data, err := view(in, inLen)
		if err != nil {
			return err
		}
		return f(m, sh, data)
	})
	return rv
}

// begin runs a function that starts an operation, unless an output of one still waits.
func begin(session C.CK_ULONG, mech *C.CK_MECHANISM, o *operation, f func(m cryptoki.Extended, sh pkcs11.SessionHandle, mech []*pkcs11.Mechanism) error) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		if waiting(session, o) {
			return pkcs11.Error(pkcs11.CKR_OPERATION_ACTIVE)
		}
		how, err := mechanism(mech)
		if err != nil {
			return err
		}
		if err = f(m, sh, how); err == nil && len(o.ends) > 0 {
			know(session, o.ends[0], how[0].Mechanism)
		}
		return err
	})
	return rv
}

// create runs a function that makes an object from a template.
func create(session C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG, made *C.CK_ULONG, f func(m cryptoki.Extended, sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error)) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		if made == nil {
			return argumentsBad
		}
		temp, err := template(t, n)
		if err != nil {
			return err
		}
		o, err := f(m, sh, temp)
		if err == nil {
			*made = C.CK_ULONG(o)
		}
		return err
	})
	return rv
}

func object(o C.CK_ULONG) pkcs11.ObjectHandle { return pkcs11.ObjectHandle(o) }
