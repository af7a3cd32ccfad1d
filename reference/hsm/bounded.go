package hsm

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// DefaultPatience is how long a call of PKCS#11 may take.
const DefaultPatience = 5 * time.Second

// longer is how many times the patience a call may take that makes a pair of keys or
// begins to use the token.
const longer = 24

// ErrSilent is a call that did not come back in time. What becomes of it nobody knows.
var ErrSilent = fmt.Errorf("the HSM does not answer: %w", reference.ErrUnavailable)

// errStuck answers for a session in which an earlier call has not come back.
var errStuck = pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)

// bounded is a module of which every call ends (bounded_calls.go has them). A call of
// PKCS#11 cannot be interrupted: one that takes too long is left alone, with its session,
// which is closed when it comes back after all. Where nothing else has come back meanwhile
// the whole token rests: for a while calls fail at once, and then one may try.
type bounded struct {
	PKCS11
	patience time.Duration

	answered atomic.Int64 // when a call last came back: nanoseconds since start
	resting  atomic.Int64 // until when the token is left alone; 0: it is not
	start    time.Time

	stuck atomic.Int64 // sessions in which a call has not come back
	mu    sync.Mutex
	left  map[pkcs11.SessionHandle]chan struct{} // closed when its call comes back

	workers workers
}

func newBounded(m PKCS11, patience time.Duration) *bounded {
	return &bounded{PKCS11: m, patience: patience, start: time.Now(), left: map[pkcs11.SessionHandle]chan struct{}{}, workers: newWorkers()}
}

func (b *bounded) now() int64 { return int64(time.Since(b.start)) + 1 }

// rests says whether the token is to be left alone. Of those who ask when it has rested,
// one may try, and the others wait for what he finds.
func (b *bounded) rests(now int64) bool {
	until := b.resting.Load()
	switch {
	case until == 0:
		return false
	case now < until:
		return true
	}
	return !b.resting.CompareAndSwap(until, now+int64(b.patience))
}

// pending is a call under way.
type pending[T any] struct {
	b     *bounded
	sh    pkcs11.SessionHandle
	call  func() (T, error)
	undo  func(T)
	fate  atomic.Int32
	value T
	err   error
	// thrown is what the call panicked with.
	thrown any
	back   chan struct{} // takes one value when the call comes back in time
}

// How a call under way stands: who is first to say so decides.
const (
	underWay int32 = iota
	cameBack
	leftAlone
)

// limited makes a call in a session, 0 where it needs none, and waits for it no longer than
// patience. undo is for what a call gives that nobody waits for any more.
func limited[T any](b *bounded, patience time.Duration, sh pkcs11.SessionHandle, call func() (T, error), undo func(T)) (T, error) {
	var none T
	began := b.now()
	if b.rests(began) {
		return none, ErrSilent
	}
	if b.late(sh) != nil {
		return none, errStuck
	}
	p := &pending[T]{b: b, sh: sh, call: call, undo: undo, back: make(chan struct{}, 1)}
	b.workers.do(p)
	timer := timers.Get().(*time.Timer)
	timer.Reset(patience)
	defer func() {
		timer.Stop()
		timers.Put(timer)
	}()
	select {
	case <-p.back:
		return p.give()
	case <-timer.C:
	}
	b.leave(sh)
	if !p.fate.CompareAndSwap(underWay, leftAlone) {
		<-p.back
		b.forget(sh)
		return p.give()
	}
	if b.answered.Load() < began {
		b.resting.Store(b.now() + int64(b.patience))
	}
	return none, ErrSilent
}

// timers are used again: one is needed for every call.
var timers = sync.Pool{New: func() any {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}}

// run makes the call, in the goroutine of a worker.
func (p *pending[T]) run() {
	p.caught()
	p.b.came()
	if p.fate.CompareAndSwap(underWay, cameBack) {
		p.back <- struct{}{}
		return
	}
	defer p.b.forget(p.sh)
	if p.err == nil && p.thrown == nil && p.undo != nil {
		p.undo(p.value)
	}
	if p.sh != 0 {
		_ = p.b.PKCS11.CloseSession(p.sh)
	}
}

// caught keeps a panic of the module for the goroutine that has asked.
func (p *pending[T]) caught() {
	defer func() { p.thrown = recover() }()
	p.value, p.err = p.call()
}

func (p *pending[T]) give() (T, error) {
	if p.thrown != nil {
		panic(p.thrown)
	}
	return p.value, p.err
}

// came notes that the token answers.
func (b *bounded) came() {
	b.answered.Store(b.now())
	if b.resting.Load() != 0 {
		b.resting.Store(0)
	}
}

// leave gives a session up for as long as its call does not come back.
func (b *bounded) leave(sh pkcs11.SessionHandle) {
	if sh == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left[sh] = make(chan struct{})
	b.stuck.Store(int64(len(b.left)))
}

// forget is the end of that.
func (b *bounded) forget(sh pkcs11.SessionHandle) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if back := b.left[sh]; back != nil {
		close(back)
		delete(b.left, sh)
	}
	b.stuck.Store(int64(len(b.left)))
}

// late gives a channel that ends with the call which a session is stuck in; nil: in none.
func (b *bounded) late(sh pkcs11.SessionHandle) <-chan struct{} {
	if sh == 0 || b.stuck.Load() == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.left[sh]
}

// CloseSession leaves a session alone that is stuck, and waits for no token that rests.
func (b *bounded) CloseSession(sh pkcs11.SessionHandle) error {
	if b.late(sh) != nil {
		return nil
	}
	if b.resting.Load() != 0 {
		go func() { _ = b.PKCS11.CloseSession(sh) }()
		return nil
	}
	return b.none(sh, func() error { return b.PKCS11.CloseSession(sh) })
}
