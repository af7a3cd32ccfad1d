package speed

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
)

// party is a module with a token that its user is logged in to.
type party struct {
	cryptoki.Module
	slot uint
	s    pkcs11.SessionHandle
	pins runtime.Pinner // of parameters that the works use
}

type parties struct{ token, library, peer *party }

const (
	soPIN   = "87654321"
	userPIN = "123456"
	label   = "speed"
)

func openParties(o Options) (p parties, err error) {
	if p.token, err = openToken(); err != nil {
		return p, err
	}
	if err := configureLibrary(o.Dir); err != nil {
		return p, err
	}
	if p.library, err = openLibrary(o.Library); err != nil {
		return p, err
	}
	if err := configureSoftHSM(o.Dir); err != nil {
		return p, err
	}
	p.peer, err = openLibrary(o.SoftHSM)
	return p, err
}

func (p parties) close() {
	for _, one := range []*party{p.token, p.library, p.peer} {
		if one != nil {
			one.close()
		}
	}
}

func (p *party) close() {
	_ = p.Finalize() // the program ends anyway
	p.pins.Unpin()
}

func openToken() (*party, error) {
	m, err := token.New(token.Config{Label: label, SOPIN: soPIN, UserPIN: userPIN})
	if err != nil {
		return nil, err
	}
	return login(m)
}

// configureLibrary gives libepsemu.so a token in memory.
func configureLibrary(dir string) error {
	path := filepath.Join(dir, "epsemu.yaml")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "so-pin"), []byte(soPIN), 0o600),
		os.WriteFile(filepath.Join(dir, "pin"), []byte(userPIN), 0o600)); err != nil {
		return err
	}
	text := fmt.Sprintf("format: epsbench.emulator/1\nbackend: {token: memory}\nslots:\n  - {id: 0, label: %s, so_pin: {file: %[2]s/so-pin}, pin: {file: %[2]s/pin}}\n", label, dir)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Setenv("EPSEMU_CONF", path)
}

func configureSoftHSM(dir string) error {
	tokens, conf := filepath.Join(dir, "softhsm"), filepath.Join(dir, "softhsm2.conf")
	text := fmt.Sprintf("directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", tokens)
	if err := errors.Join(os.MkdirAll(tokens, 0o700), os.WriteFile(conf, []byte(text), 0o600)); err != nil {
		return err
	}
	return os.Setenv("SOFTHSM2_CONF", conf)
}

// openLibrary loads a library and logs in to its first token, which it makes where there
// is none.
func openLibrary(path string) (*party, error) {
	m, err := cryptoki.Open(path)
	if err != nil {
		return nil, err
	}
	if err := m.Initialize(); err != nil {
		return nil, fmt.Errorf("%s: C_Initialize: %w", path, err)
	}
	if err := makeToken(m); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p, err := login(m)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func makeToken(m cryptoki.Module) error {
	slots, err := m.GetSlotList(true)
	if err != nil || len(slots) == 0 {
		return fmt.Errorf("no slot: %w", err)
	}
	info, err := m.GetTokenInfo(slots[0])
	if err != nil || info.Flags&pkcs11.CKF_USER_PIN_INITIALIZED != 0 {
		return err
	}
	if err := m.InitToken(slots[0], soPIN, label); err != nil {
		return fmt.Errorf("C_InitToken: %w", err)
	}
	if slots, err = m.GetSlotList(true); err != nil {
		return err
	}
	s, err := m.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fmt.Errorf("C_OpenSession: %w", err)
	}
	return errors.Join(m.Login(s, pkcs11.CKU_SO, soPIN), m.InitPIN(s, userPIN), m.Logout(s), m.CloseSession(s))
}

func login(m cryptoki.Module) (*party, error) {
	if err := m.Initialize(); err != nil && !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return nil, err
	}
	slots, err := m.GetSlotList(true)
	if err != nil || len(slots) == 0 {
		return nil, fmt.Errorf("no slot: %w", err)
	}
	p := &party{Module: m, slot: slots[0]}
	if p.s, err = p.session(); err != nil {
		return nil, err
	}
	return p, m.Login(p.s, pkcs11.CKU_USER, userPIN)
}

func (p *party) session() (pkcs11.SessionHandle, error) {
	return p.OpenSession(p.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
}

// times are the ns a call of each party, turn by turn.
type times struct{ token, library, peer []float64 }

// race has all parties do the same work, in turns.
func (p parties) race(w work, goroutines int, o Options) (t times, err error) {
	lanes := []struct {
		party *party
		times *[]float64
		run   *runner
	}{{p.token, &t.token, nil}, {p.library, &t.library, nil}, {p.peer, &t.peer, nil}}
	for i := range lanes {
		calls, err := w.calls(lanes[i].party, goroutines)
		if err != nil {
			return t, err
		}
		if lanes[i].run, err = newRunner(calls, o.Round); err != nil {
			return t, err
		}
	}
	for range o.Rounds {
		for _, lane := range lanes {
			took, err := lane.run.turn()
			if err != nil {
				return t, err
			}
			*lane.times = append(*lane.times, took)
		}
	}
	return t, nil
}
