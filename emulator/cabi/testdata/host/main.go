// Command host is a Go program that works on a PKCS#11 library: two Go runtimes are then in
// one process. Its arguments are the library and what to do; it ends with 0, or with what did
// not hold.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/pkcs11"
)

// margin is how many KiB of memory may come after the first turns, which warm all up.
const margin = 16 << 10

var works = map[string]func(path string) error{"calls": calls, "spins": spins, "loads": loads}

func main() {
	if len(os.Args) != 3 || works[os.Args[2]] == nil {
		fmt.Fprintln(os.Stderr, "host LIBRARY calls|spins|loads")
		os.Exit(2)
	}
	if err := works[os.Args[2]](os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// host is a library with a session that is logged in.
type host struct {
	*pkcs11.Ctx
	s   pkcs11.SessionHandle
	key pkcs11.ObjectHandle
}

func load(path string) (*host, error) {
	h := &host{Ctx: pkcs11.New(path)}
	if h.Ctx == nil {
		return nil, errors.New("the library does not load")
	}
	if err := h.Initialize(); err != nil {
		return nil, err
	}
	slots, err := h.GetSlotList(true)
	if err != nil || len(slots) != 1 {
		return nil, fmt.Errorf("slots %v: %w", slots, err)
	}
	if h.s, err = h.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION); err != nil {
		return nil, err
	}
	if err := h.Login(h.s, pkcs11.CKU_USER, "123456"); err != nil {
		return nil, err
	}
	h.key, err = h.GenerateKey(h.s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)},
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_SIGN, true), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32)})
	return h, err
}

func (h *host) unload() error {
	err := h.Finalize()
	h.Destroy()
	return err
}

// sign is two calls of miekg's, and three of the library's.
func (h *host) sign(s pkcs11.SessionHandle, message []byte) ([]byte, error) {
	if err := h.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}, h.key); err != nil {
		return nil, err
	}
	return h.Sign(s, message)
}

// calls makes four million calls from 64 goroutines, while others fill the heap. There is
// no more memory after the last of them than after the first.
func calls(path string) error {
	h, err := load(path)
	if err != nil {
		return err
	}
	var full atomic.Bool
	var fillers sync.WaitGroup
	for range 2 {
		fillers.Go(func() { fill(&full) })
	}
	err = leakless(func() error { return h.many(500_000) })
	full.Store(true)
	fillers.Wait()
	return errors.Join(err, h.unload())
}

// fill makes garbage until it is told to stop.
func fill(stop *atomic.Bool) {
	var kept [64][]byte
	for i := 0; !stop.Load(); i++ {
		kept[i%len(kept)] = make([]byte, 16<<10)
	}
	runtime.KeepAlive(kept)
}

// many makes so many calls of the library: three for a signature.
func (h *host) many(total int) error {
	const goroutines = 64
	message := []byte("a message of every goroutine")
	want, err := h.sign(h.s, message)
	if err != nil {
		return err
	}
	errs := make([]error, goroutines)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { errs[i] = h.signs(message, want, total/goroutines/3) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (h *host) signs(message, want []byte, times int) error {
	info, err := h.GetSessionInfo(h.s)
	if err != nil {
		return err
	}
	s, err := h.OpenSession(info.SlotID, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return err
	}
	for range times {
		if got, err := h.sign(s, message); err != nil || !bytes.Equal(got, want) {
			return fmt.Errorf("signature %x: %v", got, err)
		}
	}
	return h.CloseSession(s)
}

// spins has a goroutine that never calls a function: only a signal, SIGURG, interrupts it,
// and the library's runtime wants that signal too. Where it is lost, the host's collector
// waits for ever, and everything else waits for the collector.
func spins(path string) error {
	h, err := load(path)
	if err != nil {
		return err
	}
	go func() {
		for i := 0; ; i++ {
		}
	}()
	for range 20 {
		if _, err := h.sign(h.s, []byte("between")); err != nil {
			return err
		}
		runtime.GC()
	}
	return nil
}

// loads loads and unloads the library 800 times.
func loads(path string) error {
	return leakless(func() error {
		for range 100 {
			h, err := load(path)
			if err != nil {
				return err
			}
			if err := h.unload(); err != nil {
				return err
			}
		}
		return nil
	})
}

// leakless does a work eight times. Memory comes and goes with the collectors of two
// runtimes; what leaks is there in each of the last turns, and not in any of the first.
func leakless(work func() error) error {
	const turns, some = 8, 3
	var kib []int
	for range turns {
		if err := work(); err != nil {
			return err
		}
		now, err := resident()
		if err != nil {
			return err
		}
		kib = append(kib, now)
	}
	fmt.Printf("KiB after each turn: %d\n", kib)
	if before, after := slices.Max(kib[:some]), slices.Min(kib[turns-some:]); after > before+margin {
		return fmt.Errorf("memory grows from %d to %d KiB", before, after)
	}
	return nil
}

// resident is the memory of this process, in KiB.
func resident() (int, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	line, _, _ := strings.Cut(rest, "kB")
	return strconv.Atoi(strings.TrimSpace(line))
}
