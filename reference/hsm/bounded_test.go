package hsm_test

import (
	"crypto"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// impatient is how long a call may take in these tests.
const impatient = 150 * time.Millisecond

// deaf does not come back from calls: from those of C_Sign, or from all.
type deaf struct {
	hsm.PKCS11
	mu   sync.Mutex
	sign <-chan struct{} // closed when C_Sign speaks again; nil: it does
	all  <-chan struct{}
}

func (d *deaf) set(sign, all <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sign, d.all = sign, all
}

func (d *deaf) wait(sign bool) {
	d.mu.Lock()
	own, all := d.sign, d.all
	d.mu.Unlock()
	if all != nil {
		<-all
	}
	if sign && own != nil {
		<-own
	}
}

func (d *deaf) Sign(sh pkcs11.SessionHandle, m []byte) ([]byte, error) {
	d.wait(true)
	return d.PKCS11.Sign(sh, m)
}

func (d *deaf) SignInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	d.wait(false)
	return d.PKCS11.SignInit(sh, m, o)
}

func (d *deaf) GetSessionInfo(sh pkcs11.SessionHandle) (pkcs11.SessionInfo, error) {
	d.wait(false)
	return d.PKCS11.GetSessionInfo(sh)
}

func (d *deaf) GenerateRandom(sh pkcs11.SessionHandle, n int) ([]byte, error) {
	d.wait(false)
	return d.PKCS11.GenerateRandom(sh, n)
}

func (d *deaf) UnwrapKey(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, k pkcs11.ObjectHandle, b []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	d.wait(false)
	return d.PKCS11.UnwrapKey(sh, m, k, b, a)
}

func (d *deaf) OpenSession(slot, flags uint) (pkcs11.SessionHandle, error) {
	d.wait(false)
	return d.PKCS11.OpenSession(slot, flags)
}

// openDeaf gives a server on an emulated token that can go deaf.
func openDeaf(t *testing.T) (*deaf, server) {
	t.Helper()
	module, cfg := newEmulator(t)
	cfg.Sessions, cfg.Patience = 2, impatient
	d := &deaf{PKCS11: module}
	return d, newServer(t, hsmtest.Open(t, d, cfg))
}

// soon fails where something takes much longer than the patience with one call.
func soon(t *testing.T, what string, since time.Time) {
	t.Helper()
	if took := time.Since(since); took > 20*impatient {
		t.Errorf("%s took %v", what, took)
	}
}

// Calls that never come back cost their caller the patience, and the pool no session: it
// opens others, while the token answers.
func TestCallsThatNeverComeBackDoNotUseUpThePool(t *testing.T) {
	d, v := openDeaf(t)
	var mac, sealed []byte
	must(t, v.request(t.Context(), &mac, &sealed))
	before := countObjects(t, d.PKCS11)
	never := make(chan struct{})
	for range 3 { // the pool has two sessions
		d.set(never, nil)
		start := time.Now()
		err := v.request(t.Context(), &mac, &sealed)
		if !errors.Is(err, hsm.ErrSilent) || !errors.Is(err, reference.ErrUnavailable) {
			t.Errorf("a call that does not come back: %v", err)
		}
		soon(t, "giving up", start)
		d.set(nil, nil)
		healthy(t, v)
		must(t, v.request(t.Context(), &mac, &sealed))
	}
	close(never)
	eventually(t, "what the late calls left is destroyed", func() bool { return countObjects(t, d.PKCS11) == before })
	if s := v.h.Stats(); s.InUse != 0 {
		t.Errorf("%+v", s)
	}
}

// healthy waits until the token has had its rest.
func healthy(t *testing.T, v server) {
	t.Helper()
	eventually(t, "the token is well", func() bool { return v.h.Healthy(t.Context()) == nil })
}

// eventually polls for what another goroutine does.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !done(); {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s", what)
		}
		runtime.Gosched()
	}
}

// Where the whole token is silent, the first caller waits, and those after him are told so
// at once; when it speaks again it is used again.
func TestASilentTokenIsLeftAloneForAWhile(t *testing.T) {
	d, v := openDeaf(t)
	var mac, again, sealed []byte
	must(t, v.request(t.Context(), &mac, &sealed))
	back := make(chan struct{})
	d.set(nil, back)
	start := time.Now()
	if err := v.request(t.Context(), &again, &sealed); !errors.Is(err, hsm.ErrSilent) {
		t.Errorf("the first: %v", err)
	}
	if took := time.Since(start); took < impatient {
		t.Errorf("the first caller waited for %v only", took)
	}
	start = time.Now()
	const callers = 200
	for range callers {
		if err := v.request(t.Context(), &again, &sealed); !errors.Is(err, reference.ErrUnavailable) {
			t.Fatalf("a later one: %v", err)
		}
		if _, err := v.h.Random().Read(make([]byte, 8)); !errors.Is(err, reference.ErrUnavailable) {
			t.Fatalf("random: %v", err)
		}
	}
	if took := time.Since(start); took > callers*impatient/4 {
		t.Errorf("%d callers waited for %v", callers, took)
	}
	d.set(nil, nil)
	close(back)
	healthy(t, v)
	must(t, v.request(t.Context(), &again, &sealed))
	if string(again) != string(mac) {
		t.Error("the keys are others afterwards")
	}
}

// A key whose loading never comes back holds up no other: the owner session is replaced.
func TestALoadThatNeverComesBackHoldsUpNoOther(t *testing.T) {
	d, v := openDeaf(t)
	var mac, sealed []byte
	must(t, v.request(t.Context(), &mac, &sealed))
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	v.dbk.Forget()
	d.set(nil, never)
	start := time.Now()
	if err := v.request(t.Context(), &mac, &sealed); !errors.Is(err, reference.ErrUnavailable) {
		t.Errorf("while the load hangs: %v", err)
	}
	soon(t, "giving up", start)
	d.set(nil, nil)
	healthy(t, v)
	must(t, v.request(t.Context(), &mac, &sealed))
}

// absent is a module whose token has gone.
type absent struct {
	hsm.PKCS11
	mu   sync.Mutex
	gone bool
}

func (a *absent) away() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gone
}

func (a *absent) GetSlotList(present bool) ([]uint, error) {
	if a.away() {
		return nil, nil
	}
	return a.PKCS11.GetSlotList(present)
}

func (a *absent) GetSessionInfo(sh pkcs11.SessionHandle) (pkcs11.SessionInfo, error) {
	if a.away() {
		return pkcs11.SessionInfo{}, pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)
	}
	return a.PKCS11.GetSessionInfo(sh)
}

func (a *absent) SignInit(sh pkcs11.SessionHandle, m []*pkcs11.Mechanism, o pkcs11.ObjectHandle) error {
	if a.away() {
		return pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)
	}
	return a.PKCS11.SignInit(sh, m, o)
}

// A token that is not there says nothing of the keys in it: who reads "not found" as "there
// is no such key" would refuse for good what another try would find.
func TestATokenThatHasGoneIsNotAKeyThatIsNotThere(t *testing.T) {
	module, cfg := newEmulator(t)
	a := &absent{PKCS11: module}
	v := newServer(t, hsmtest.Open(t, a, cfg))
	a.mu.Lock()
	a.gone = true
	a.mu.Unlock()
	var mac, sealed []byte
	err := v.request(t.Context(), &mac, &sealed)
	if !errors.Is(err, reference.ErrUnavailable) || errors.Is(err, reference.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// refusing does not let anybody in, for a reason that is not the PIN.
type refusing struct{ logins }

func (r *refusing) Login(s pkcs11.SessionHandle, user uint, pin string) error {
	if r.changed.Load() {
		r.count.Add(1)
		return pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	return r.PKCS11.Login(s, user, pin)
}

// A token that lets nobody in is not asked by every request.
func TestARefusedLoginIsNotRepeatedByEveryRequest(t *testing.T) {
	module, cfg := newEmulator(t)
	m := &refusing{logins{PKCS11: module}}
	v := newServer(t, hsmtest.Open(t, m, cfg))
	m.changed.Store(true)
	must(t, module.(interface{ CloseAllSessions(uint) error }).CloseAllSessions(slotOf(t, m)))
	var mac, sealed []byte
	start := time.Now()
	for range 50 {
		if err := v.request(t.Context(), &mac, &sealed); !errors.Is(err, reference.ErrUnavailable) {
			t.Fatalf("request: %v", err)
		}
	}
	if n, most := m.count.Load(), 1+int64(time.Since(start)/(200*time.Millisecond)); n > most {
		t.Errorf("%d logins, want %d at most", n, most)
	}
	m.changed.Store(false)
	healthy(t, v)
	must(t, v.request(t.Context(), &mac, &sealed))
}

// thrower panics in a call.
type thrower struct {
	hsm.PKCS11
	throw bool
}

func (p *thrower) Sign(sh pkcs11.SessionHandle, m []byte) ([]byte, error) {
	if p.throw {
		panic("thrown by the module")
	}
	return p.PKCS11.Sign(sh, m)
}

// A panic of the module is its caller's own, who may live on.
func TestAPanicOfTheModuleReachesItsCaller(t *testing.T) {
	module, cfg := newEmulator(t)
	p := &thrower{PKCS11: module}
	v := newServer(t, hsmtest.Open(t, p, cfg))
	p.throw = true
	defer func() {
		if thrown := recover(); thrown != "thrown by the module" {
			t.Errorf("%v", thrown)
		}
	}()
	_ = v.h.Do(t.Context(), func(s *hsm.Session) error {
		key, err := v.idx.Key(t.Context())
		must(t, err)
		_, err = s.MAC(key, crypto.SHA256, []byte("request"))
		return err
	})
	t.Error("the panic was lost")
}
