package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference"
)

// The tokens of a target: one for the EPS, one for the authentication server, one
// for suites that need a token of their own.
var slotNames = []string{"eps", "authserver", "suite"}

// emulated is the kind of HSM that is the emulator, in this process.
const emulated = conformance.EmulatedHSM

// PINs of tokens that live as long as a run.
const (
	soPIN   = "epsbench-so-pin"
	userPIN = "epsbench-user-pin"
)

// softHSM are the places where distributions put the library.
var softHSM = []string{
	"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
	"/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so",
	"/usr/lib64/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so",
}

// SoftHSM finds the library of SoftHSMv2.
func SoftHSM() (string, error) {
	found := slices.IndexFunc(softHSM, exists)
	if found < 0 {
		return "", &reference.Hint{Err: errors.New("SoftHSMv2 is not installed"), Text: "apt-get install softhsm2"}
	}
	return softHSM[found], nil
}

// slots are the tokens by name, and how to open them again.
type slots struct {
	kind  string // "emulator", "softhsm", or the path of a module
	dir   string
	label func(name string) string
	held  map[string]cryptoki.Module // of the emulator: a module for each token
	whole cryptoki.Module            // otherwise: one library with all of them
	ids   map[string]uint
	of    *slots // whose tokens these are, for a second node
	// as is what the HSM behaves as, nil for itself; worn are the modules behind it, each
	// once, since it remembers.
	as   *personality.Personality
	worn map[cryptoki.Module]cryptoki.Module
	// permit is what a mutant's token lets through beyond what the personality permits.
	permit []string
}

// shared gives the same tokens to a second node, which does not end them.
func (s *slots) shared() *slots {
	return &slots{kind: s.kind, dir: s.dir, label: s.label, ids: s.ids, as: s.as, of: s}
}

func openSlots(kind, dir, as string) (*slots, error) {
	s, err := loadSlots(kind, dir, as)
	if err != nil || s.whole == nil {
		return s, err
	}
	return s, s.initialise(s.whole, slotNames...)
}

// reopenSlots finds the tokens that another process has made.
func reopenSlots(kind, dir, as string) (*slots, error) {
	s, err := loadSlots(kind, dir, as)
	if err != nil || s.whole == nil {
		return s, err
	}
	if err := initialised(s.whole); err != nil {
		return nil, err
	}
	for _, name := range slotNames {
		if s.ids[name], err = slotOf(s.whole, s.label(name)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// loadSlots loads the library, where the tokens are in one.
func loadSlots(kind, dir, as string) (*slots, error) {
	s := &slots{kind: kind, dir: dir, held: map[string]cryptoki.Module{}, ids: map[string]uint{}}
	if as != "" {
		var err error
		if s.as, err = personality.Load(as); err != nil {
			return nil, err
		}
	}
	s.label = func(name string) string { return "epsbench-" + name }
	path := kind
	switch kind {
	case emulated:
		return s, nil
	case "softhsm":
		var err error
		if path, err = SoftHSM(); err != nil {
			return nil, err
		}
		if err := configureSoftHSM(dir); err != nil {
			return nil, err
		}
	}
	m, err := cryptoki.Open(path)
	if err != nil {
		return nil, &reference.Hint{Err: err, Text: "an HSM is emulator, softhsm, or the path of a PKCS#11 library"}
	}
	s.whole = m
	return s, nil
}

// beside gives a second set of tokens: in the same library, where there is one.
func (s *slots) beside(dir string) (*slots, error) {
	if s.whole == nil {
		t, err := openSlots(s.kind, dir, "")
		if err == nil {
			t.as = s.as
		}
		return t, err
	}
	t := &slots{kind: s.kind, dir: dir, as: s.as, ids: map[string]uint{}}
	t.label = func(name string) string { return "epsbench-twin-" + name }
	return t, t.initialise(s.whole, slotNames...)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// configureSoftHSM gives this process token files of its own.
func configureSoftHSM(dir string) error {
	tokens, conf := filepath.Join(dir, "softhsm"), filepath.Join(dir, "softhsm2.conf")
	if err := os.MkdirAll(tokens, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Setenv("SOFTHSM2_CONF", conf)
}

// initialise makes the tokens in free slots of a library.
func (s *slots) initialise(m cryptoki.Module, names ...string) error {
	s.whole = m
	err := initialised(m)
	if err != nil {
		return err
	}
	for _, name := range names {
		if s.ids[name], err = makeToken(m, s.label(name)); err != nil {
			return err
		}
	}
	return nil
}

// initialised makes sure that a module is.
func initialised(m cryptoki.Module) error {
	if err := m.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return fmt.Errorf("C_Initialize: %w", err)
	}
	return nil
}

// makeToken initialises the token that an earlier run has left, or else the first that
// is not initialised, and sets the user's PIN.
func makeToken(m cryptoki.Module, label string) (uint, error) {
	free, err := slotOf(m, label)
	if err != nil {
		free, err = freeSlot(m)
	}
	if err != nil {
		return 0, err
	}
	if err := m.InitToken(free, soPIN, label); err != nil {
		return 0, fmt.Errorf("C_InitToken: %w", err)
	}
	id, err := slotOf(m, label) // some libraries number slots anew
	if err != nil {
		return 0, err
	}
	sh, err := m.OpenSession(id, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return 0, fmt.Errorf("C_OpenSession: %w", err)
	}
	if err := m.Login(sh, pkcs11.CKU_SO, soPIN); err != nil {
		return 0, fmt.Errorf("C_Login as security officer: %w", err)
	}
	return id, errors.Join(m.InitPIN(sh, userPIN), m.Logout(sh), m.CloseSession(sh))
}

func freeSlot(m cryptoki.Module) (uint, error) {
	ids, err := m.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("C_GetSlotList: %w", err)
	}
	for _, id := range ids {
		info, err := m.GetTokenInfo(id)
		if err == nil && info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			return id, nil
		}
	}
	return 0, &reference.Hint{
		Err:  fmt.Errorf("the HSM has no slot with a token that is not initialised (the bench needs %d)", 2*len(slotNames)),
		Text: "make empty slots for the bench: it writes to no token but those and its own, labelled epsbench-…",
	}
}

func slotOf(m cryptoki.Module, label string) (uint, error) {
	ids, err := m.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("C_GetSlotList: %w", err)
	}
	for _, id := range ids {
		if info, err := m.GetTokenInfo(id); err == nil && info.Label == label {
			return id, nil
		}
	}
	return 0, fmt.Errorf("no token is labelled %q", label)
}

// tokensOf says which tokens a library has, for somebody who has named none of them.
func tokensOf(m cryptoki.Module) string {
	ids, _ := m.GetSlotList(true)
	var there []string
	for _, id := range ids {
		if info, err := m.GetTokenInfo(id); err == nil && info.Label != "" {
			there = append(there, fmt.Sprintf("%q in slot %d", info.Label, id))
		}
	}
	if len(there) == 0 {
		return "the library has no token that is initialised"
	}
	return "the library has: " + strings.Join(there, ", ")
}

// module gives the module that has the named token. The emulator reads it from its
// directory when it is not open.
func (s *slots) module(name string) (cryptoki.Module, error) {
	if s.of != nil {
		return s.of.module(name)
	}
	if s.whole != nil {
		return s.whole, nil
	}
	if m := s.held[name]; m != nil {
		return m, nil
	}
	m, err := token.New(token.Config{
		Dir: filepath.Join(s.dir, "token-"+name), Label: s.label(name), SOPIN: soPIN, UserPIN: userPIN, PINCost: 10, Permit: append(s.permits(), s.permit...),
	})
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	s.held[name] = m
	return m, nil
}

// release forgets the emulator's tokens, so that the next use reads their directories.
// A library stays loaded: other tokens of it may be in use.
func (s *slots) release() error {
	var err error
	for name, m := range s.held {
		if e := m.Finalize(); !errors.Is(e, pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)) {
			err = errors.Join(err, e)
		}
		delete(s.held, name)
		delete(s.worn, m)
	}
	return err
}

// HSM opens the target's own tokens to a suite: "eps" and "authserver".
func (s *system) HSM(_ context.Context, which string) (conformance.Slot, error) {
	m, err := s.slots.module(which)
	if err != nil {
		return conformance.Slot{}, err
	}
	if err := initialised(m); err != nil {
		return conformance.Slot{}, err
	}
	if m, err = s.slots.personified(m); err != nil {
		return conformance.Slot{}, err
	}
	return conformance.Slot{Module: m, ID: s.slots.ids[which], PIN: userPIN, SOPIN: soPIN}, nil
}

// Slot lends a token of its own to a suite, with a mutant's layer before it: here the
// module is what is judged.
func (s *system) Slot(ctx context.Context) (conformance.Slot, error) {
	slot, err := s.HSM(ctx, "suite")
	if err == nil && s.seams.Module != nil {
		slot.Module = s.seams.Module("suite", slot.Module)
	}
	return slot, err
}
