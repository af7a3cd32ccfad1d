package hsm_test

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
	"golang.org/x/sync/errgroup"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// failing returns an error from the next calls of C_SignInit.
type failing struct {
	hsm.PKCS11
	code  pkcs11.Error
	times atomic.Int64
}

func (f *failing) SignInit(s pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle) error {
	if f.times.Add(-1) >= 0 {
		return f.code
	}
	return f.PKCS11.SignInit(s, m, k)
}

// server is what a server does with an HSM: a permanent key, and a session key that
// lives in the owner session.
type server struct {
	h   *hsm.HSM
	idx *hsm.Resident
	dbk *hsm.Resident
}

func newServer(t testing.TB, h *hsm.HSM) server {
	t.Helper()
	var blob []byte
	do(t, h, func(s *hsm.Session) {
		get(s.GenerateKey("IDX", hsm.SignMAC))(t)
		blob = get(s.GenerateWrapped(get(s.GenerateMasterKey("MK-DBK", hsm.MKDBK))(t), hsm.DBK))(t)
	})
	return server{
		h:   h,
		idx: h.Resident("IDX", func(s *hsm.Session) (hsm.Key, error) { return s.Find("IDX") }),
		dbk: h.Resident("DBK", func(s *hsm.Session) (hsm.Key, error) {
			mk, err := s.Find("MK-DBK")
			if err != nil {
				return hsm.Key{}, err
			}
			return s.UnwrapUnderMaster(mk, blob, hsm.DBK)
		}),
	}
}

// request is the HSM part of an enrolment: it leaves handles for Do to end.
func (v server) request(ctx context.Context, mac, sealed *[]byte) error {
	c := bytes.Repeat([]byte{5}, 32)
	return v.h.Do(ctx, func(s *hsm.Session) error {
		idx, err := v.idx.Key(ctx)
		if err != nil {
			return err
		}
		dbk, err := v.dbk.Key(ctx)
		if err != nil {
			return err
		}
		if *mac, err = s.MAC(idx, crypto.SHA256, []byte("request")); err != nil {
			return err
		}
		kek, err := s.ImportKEK(bytes.Repeat([]byte{6}, 32))
		if err != nil {
			return err
		}
		if _, err := s.DeriveTokenKey(kek, c, 32); err != nil {
			return err
		}
		handle, err := s.ImportC(c)
		if err != nil {
			return err
		}
		*sealed, err = s.SealRow(dbk, [32]byte{1}, handle)
		return err
	})
}

// losses are what happens to servers that run for long.
var losses = []struct {
	name string
	lose func(t *testing.T, m *failing)
}{
	{"session handle invalid, once", fails(pkcs11.CKR_SESSION_HANDLE_INVALID)},
	{"session closed, once", fails(pkcs11.CKR_SESSION_CLOSED)},
	{"device error, once", fails(pkcs11.CKR_DEVICE_ERROR)},
	{"device removed, once", fails(pkcs11.CKR_DEVICE_REMOVED)},
	{"token not present, once", fails(pkcs11.CKR_TOKEN_NOT_PRESENT)},
	{"not logged in, once", fails(pkcs11.CKR_USER_NOT_LOGGED_IN)},
	{"another operation left active", fails(pkcs11.CKR_OPERATION_ACTIVE)},
	{"an operation that a logout has ended", fails(pkcs11.CKR_OPERATION_NOT_INITIALIZED)},
	{"key handle invalid, once", fails(pkcs11.CKR_KEY_HANDLE_INVALID)},
	{"C_Logout by somebody else", func(t *testing.T, m *failing) {
		s := rawSession(t, m)
		must(t, m.PKCS11.(interface {
			Logout(pkcs11.SessionHandle) error
		}).Logout(s))
		must(t, m.CloseSession(s))
	}},
	{"C_Logout and C_Login by somebody else", func(t *testing.T, m *failing) {
		s := rawSession(t, m)
		must(t, m.PKCS11.(interface {
			Logout(pkcs11.SessionHandle) error
		}).Logout(s))
		must(t, m.Login(s, pkcs11.CKU_USER, hsmtest.PIN))
		must(t, m.CloseSession(s))
	}},
	{"C_CloseAllSessions by somebody else", func(t *testing.T, m *failing) {
		must(t, m.PKCS11.(interface{ CloseAllSessions(uint) error }).CloseAllSessions(slotOf(t, m)))
	}},
}

func fails(code pkcs11.Error) func(*testing.T, *failing) {
	return func(_ *testing.T, m *failing) {
		m.code = code
		m.times.Store(1)
	}
}

func TestRequestsSurviveTheLossOfSessionsAndLogin(t *testing.T) {
	for _, tok := range tokens {
		t.Run(tok.name, func(t *testing.T) {
			module, cfg := tok.make(t)
			m := &failing{PKCS11: module}
			v := newServer(t, hsmtest.Open(t, m, cfg))
			var mac, sealed []byte
			must(t, v.request(t.Context(), &mac, &sealed))
			for _, loss := range losses {
				t.Run(loss.name, func(t *testing.T) {
					loss.lose(t, m)
					var again, row []byte
					must(t, v.request(t.Context(), &again, &row))
					if !bytes.Equal(again, mac) || !bytes.Equal(row, sealed) {
						t.Error("the keys are others after the loss")
					}
					must(t, v.h.Healthy(t.Context()))
					if _, err := v.h.Random().Read(make([]byte, 100)); err != nil {
						t.Error(err)
					}
				})
			}
			if s := v.h.Stats(); s.Retries == 0 || s.Recoveries == 0 || s.InUse != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestLibraryThatWasFinalizedIsInitialisedAgain(t *testing.T) {
	m, cfg := newEmulator(t)
	v := newServer(t, hsmtest.Open(t, m, cfg))
	var mac, again, sealed []byte
	must(t, v.request(t.Context(), &mac, &sealed))
	must(t, m.(interface{ Finalize() error }).Finalize())
	must(t, v.request(t.Context(), &again, &sealed))
	if !bytes.Equal(again, mac) {
		t.Error("IDX is another key")
	}
}

func TestLossThatLastsIsUnavailable(t *testing.T) {
	m := &failing{PKCS11: hsmtest.Module(t), code: pkcs11.CKR_DEVICE_ERROR}
	v := newServer(t, hsmtest.Open(t, m, hsmtest.Token(t)))
	m.times.Store(1 << 20)
	var mac, sealed []byte
	err := v.request(t.Context(), &mac, &sealed)
	if !errors.Is(err, reference.ErrUnavailable) || !errors.Is(err, pkcs11.Error(pkcs11.CKR_DEVICE_ERROR)) {
		t.Errorf("request: %v", err)
	}
	m.times.Store(0)
	must(t, v.request(t.Context(), &mac, &sealed))
}

func TestErrorsOfTheWorkAreNotRetried(t *testing.T) {
	h := hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t))
	mine, runs := errors.New("mine"), 0
	err := h.Do(t.Context(), func(*hsm.Session) error { runs++; return mine })
	if !errors.Is(err, mine) || runs != 1 {
		t.Errorf("%v after %d runs", err, runs)
	}
}

// logins counts C_Login, and refuses the PIN when told to.
type logins struct {
	hsm.PKCS11
	count   atomic.Int64
	changed atomic.Bool
}

func (l *logins) Login(s pkcs11.SessionHandle, user uint, pin string) error {
	l.count.Add(1)
	if l.changed.Load() {
		return pkcs11.Error(pkcs11.CKR_PIN_INCORRECT)
	}
	return l.PKCS11.Login(s, user, pin)
}

// A server that repeats a wrong PIN with each request would lock the token.
func TestWrongPINIsTriedOnce(t *testing.T) {
	module, cfg := newEmulator(t)
	m := &logins{PKCS11: module}
	v := newServer(t, hsmtest.Open(t, m, cfg))
	m.changed.Store(true)
	before := m.count.Load()
	must(t, module.(interface{ CloseAllSessions(uint) error }).CloseAllSessions(slotOf(t, m)))
	for range 20 {
		var mac, sealed []byte
		if err := v.request(t.Context(), &mac, &sealed); !errors.Is(err, reference.ErrUnavailable) {
			t.Fatalf("request: %v", err)
		}
	}
	if n := m.count.Load() - before; n != 1 {
		t.Errorf("the wrong PIN was tried %d times", n)
	}
}

func TestHandlesStayConstantOver10000Requests(t *testing.T) {
	for _, tok := range tokens {
		t.Run(tok.name, func(t *testing.T) {
			m, cfg := tok.make(t)
			v := newServer(t, hsmtest.Open(t, m, cfg))
			var mac, sealed []byte
			must(t, v.request(t.Context(), &mac, &sealed))
			before := countObjects(t, m)
			var g errgroup.Group
			for range 4 {
				g.Go(func() error {
					for range 2500 {
						var mac, sealed []byte
						if err := v.request(t.Context(), &mac, &sealed); err != nil {
							return err
						}
					}
					return nil
				})
			}
			must(t, g.Wait())
			if after := countObjects(t, m); after != before {
				t.Errorf("%d objects before, %d after", before, after)
			}
			if s := v.h.Stats(); s.Retries != 0 || s.InUse != 0 || s.Requests < 10000 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// countObjects counts every object that the login can see.
func countObjects(t *testing.T, m hsm.PKCS11) (n int) {
	t.Helper()
	s := rawSession(t, m)
	defer func() { must(t, m.CloseSession(s)) }()
	must(t, m.FindObjectsInit(s, nil))
	for {
		found, _, err := m.FindObjects(s, 100)
		must(t, err)
		if len(found) == 0 {
			break
		}
		n += len(found)
	}
	must(t, m.FindObjectsFinal(s))
	return n
}

func TestKeysOfAFailedOrPanickingRequestEndWithIt(t *testing.T) {
	m, cfg := hsmtest.Module(t), hsmtest.Token(t)
	cfg.Sessions = 1
	h := hsmtest.Open(t, m, cfg)
	before := countObjects(t, m)
	work := func(s *hsm.Session) { get(s.ImportC(random(32)))(t) }
	if err := h.Do(t.Context(), func(s *hsm.Session) error { work(s); return reference.ErrRefused }); !errors.Is(err, reference.ErrRefused) {
		t.Error(err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		_ = h.Do(t.Context(), func(s *hsm.Session) error { work(s); panic("mine") })
	}()
	must(t, h.Healthy(t.Context())) // the one session is back
	if after := countObjects(t, m); after != before {
		t.Errorf("%d objects before, %d after", before, after)
	}
}

func TestForgottenResidentIsLoadedAgain(t *testing.T) {
	m, cfg := newEmulator(t)
	v := newServer(t, hsmtest.Open(t, m, cfg))
	var mac, sealed, again []byte
	must(t, v.request(t.Context(), &mac, &sealed))
	before := countObjects(t, m)
	v.dbk.Forget()
	v.dbk.Forget()
	if n := countObjects(t, m); n != before-1 {
		t.Errorf("%d objects, then %d", before, n)
	}
	must(t, v.request(t.Context(), &mac, &again))
	if !bytes.Equal(again, sealed) {
		t.Error("DBK is another key")
	}
	// Forgotten between asking and using: the request asks again, the login stays.
	once := sync.OnceFunc(v.dbk.Forget)
	must(t, v.h.Do(t.Context(), func(s *hsm.Session) error {
		dbk, err := v.dbk.Key(t.Context())
		if err != nil {
			return err
		}
		once()
		c, err := s.ImportC(random(32))
		if err != nil {
			return err
		}
		_, err = s.SealRow(dbk, [32]byte{1}, c)
		return err
	}))
	if s := v.h.Stats(); s.Recoveries != 0 {
		t.Errorf("%+v", s)
	}
}

func TestWaitingForASessionEndsWithItsContext(t *testing.T) {
	m, cfg := newEmulator(t)
	cfg.Sessions = 1
	h := hsmtest.Open(t, m, cfg)
	do(t, h, func(*hsm.Session) {
		if s := h.Stats(); s.InUse != 1 || s.Sessions != 1 {
			t.Errorf("%+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		err := h.Do(ctx, func(*hsm.Session) error { t.Error("there is no second session"); return nil })
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestClosedHSMIsUnavailable(t *testing.T) {
	m, cfg := newEmulator(t)
	h := get(hsm.Open(t.Context(), m, cfg))(t)
	do(t, h, func(*hsm.Session) { must(t, h.Close()) }) // while a session is lent
	must(t, h.Close())
	if err := h.Do(t.Context(), func(*hsm.Session) error { return nil }); !errors.Is(err, reference.ErrUnavailable) {
		t.Error(err)
	}
	if err := h.Healthy(t.Context()); !errors.Is(err, reference.ErrUnavailable) {
		t.Error(err)
	}
	if n := get(m.GetTokenInfo(0))(t).SessionCount; n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// few has no more than three sessions.
type few struct {
	hsm.PKCS11
	open atomic.Int64
}

func (f *few) OpenSession(slot, flags uint) (pkcs11.SessionHandle, error) {
	if f.open.Add(1) > 3 {
		f.open.Add(-1)
		return 0, pkcs11.Error(pkcs11.CKR_SESSION_COUNT)
	}
	return f.PKCS11.OpenSession(slot, flags)
}

func (f *few) CloseSession(s pkcs11.SessionHandle) error {
	f.open.Add(-1)
	return f.PKCS11.CloseSession(s)
}

func TestPoolTakesTheSessionsThatTheTokenHas(t *testing.T) {
	m, cfg := newEmulator(t)
	cfg.Sessions = 16
	h := hsmtest.Open(t, &few{PKCS11: m}, cfg)
	// Of three, one owns the login and one draws random bytes.
	if _, err := h.Random().Read(make([]byte, 32)); err != nil {
		t.Error(err)
	}
	if s := h.Stats(); s.Sessions != 1 {
		t.Errorf("%+v", s)
	}
}

func TestRandomDiffersOnATokenThatRepeats(t *testing.T) {
	m, cfg := newEmulator(t)
	late := &lateStuck{PKCS11: m}
	h := hsmtest.Open(t, late, cfg)
	late.stuck.Store(true)
	seen := map[[32]byte]bool{}
	for range 100 {
		var b [64]byte
		if n := get(h.Random().Read(b[:]))(t); n != len(b) {
			t.Fatalf("%d bytes", n)
		}
		seen[[32]byte(b[:32])], seen[[32]byte(b[32:])] = true, true
	}
	if len(seen) != 200 {
		t.Errorf("%d blocks of 200 differ", len(seen))
	}
}

// lateStuck begins to repeat after it was opened.
type lateStuck struct {
	hsm.PKCS11
	stuck atomic.Bool
}

func (l *lateStuck) GenerateRandom(s pkcs11.SessionHandle, n int) ([]byte, error) {
	if l.stuck.Load() {
		return make([]byte, n), nil
	}
	return l.PKCS11.GenerateRandom(s, n)
}
