// Command cabi is libepsemu.so: the C functions of PKCS#11 on top of a cryptoki.Module.
//
// Start at the functions named epsemu_…: exports.c has the C functions that enter them, and
// the rules for programs that fork or are written in Go themselves; vendor.c those that a
// vendor has beyond the standard. What the module is says
// the file named by EPSEMU_CONF: see package config.
package main

/*
#cgo LDFLAGS: -ldl -Wl,-Bsymbolic-functions
#include <stdlib.h>
#include "pkcs11.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/config"
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func main() {} // a library never runs it

// The heap of a token is small and its calls are short: with Go's own setting a busy
// program would spend a third of its time collecting a few MB.
func init() { debug.SetGCPercent(800) }

// fileVariable names the file that says what the library is.
const fileVariable = "EPSEMU_CONF"

var (
	opening sync.Mutex
	opened  cryptoki.Extended // kept over C_Finalize: a token in memory keeps its objects
	wrapped string            // the path of the library behind, if there is one
	socket  string            // the path of the control socket, if there is one
	running atomic.Pointer[cryptoki.Extended]
)

// module is what the functions call.
func module() (cryptoki.Extended, error) {
	if m := running.Load(); m != nil {
		return *m, nil
	}
	return nil, pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
}

// open reads the file, once in the life of a process.
func open() (cryptoki.Extended, error) {
	if opened != nil {
		return opened, nil
	}
	path, _ := getenv(fileVariable)
	if path == "" {
		return nil, fmt.Errorf("%s is not set: it names the file that says what the token is", fileVariable)
	}
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	if opened, err = c.Open(getenv); err == nil {
		wrapped, socket = c.Backend.Module, c.Control.Path()
	}
	return opened, err
}

// getenv asks the C library: Go knows the environment in which the process began, and not
// what the program has set since.
func getenv(name string) (string, bool) {
	key := C.CString(name)
	defer C.free(unsafe.Pointer(key))
	value := C.getenv(key)
	return C.GoString(value), value != nil
}

// keep has C remove the control socket when the program exits; path empty: it is gone.
func keep(path string) {
	if path == "" {
		C.epsemu_keep(nil)
		return
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	C.epsemu_keep(name)
}

// epsemu_backend gives C the path of the library behind, 0 where there is none. Vendors let
// their own functions be asked for before C_Initialize.
//
//export epsemu_backend
func epsemu_backend(path *C.char, room C.int) (found C.int) {
	var rv C.CK_RV
	defer caught(&rv)
	opening.Lock()
	defer opening.Unlock()
	if _, err := open(); err != nil {
		say("%v", err)
		return 0
	}
	if wrapped == "" || len(wrapped) >= int(room) {
		return 0
	}
	out := unsafe.Slice((*byte)(unsafe.Pointer(path)), room)
	out[copy(out, wrapped)] = 0
	return 1
}

//export epsemu_started
func epsemu_started() {}

// code is what a C function returns for err.
func code(err error) C.CK_RV {
	if err == nil {
		return C.CKR_OK
	}
	var rv pkcs11.Error
	if errors.As(err, &rv) {
		return C.CK_RV(rv)
	}
	say("%v", err)
	return C.CKR_GENERAL_ERROR
}

// caught keeps a panic from the host.
func caught(rv *C.CK_RV) {
	if p := recover(); p != nil {
		say("panic: %v\n%s", p, debug.Stack())
		*rv = C.CKR_GENERAL_ERROR
	}
}

// say writes what a return value cannot tell: to the file named by EPSEMU_LOG, or else to
// standard error.
func say(format string, args ...any) {
	var out io.Writer = os.Stderr
	if path, _ := getenv("EPSEMU_LOG"); path != "" {
		if f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			defer f.Close()
			out = f
		}
	}
	fmt.Fprintf(out, "libepsemu: "+format+"\n", args...)
}
