package cryptoki_test

import (
	"bytes"
	"runtime"
	"testing"
	"unsafe"

	"github.com/miekg/pkcs11"
	"golang.org/x/sys/unix"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// The last word of PBKDF2's parameter is a length or the address of one: whatever it is, the
// answer is a key of that length or an error, and never a crash.
func TestALengthOrItsAddress(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	page := unix.Getpagesize()
	memory, err := unix.Mmap(-1, 0, 2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	start := uint(uintptr(unsafe.Pointer(&memory[0])))
	memory[page-8], memory[page-4] = 3, 0 // the last number of the first page
	if err := unix.Mprotect(memory[page:], unix.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		last uint
		want string // "": refused
	}{
		"a length":                    {8, "password"},
		"one more than that":          {1025, ""},
		"just below any address":      {4<<20 - 1, ""},
		"an address":                  {start + uint(page) - 8, "pas"},
		"half behind the end":         {start + uint(page) - 4, ""},
		"behind the end":              {start + uint(page), ""},
		"4 MiB":                       {4 << 20, ""},
		"8 MiB":                       {8 << 20, ""},
		"1 GiB":                       {1 << 30, ""},
		"4 GiB":                       {4 << 30, ""},
		"1 TiB":                       {1 << 40, ""},
		"no address of any processor": {1 << 62, ""},
		"the kernel's":                {^uint(0) - 4095, ""},
		"the greatest":                {^uint(0), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cryptoki.PBKDF2Parameter(pkcs11.NewMechanism(0, raw(&p, 1, []byte("salt"), 4, 1000, 4, nil, 0, []byte("password"), tt.last)))
			if tt.want == "" {
				isInvalid(t, name, err)
			} else if err != nil || !bytes.Equal(got.Password, []byte(tt.want)) {
				t.Errorf("%q, %v", got.Password, err)
			}
		})
	}
}
