package token

import (
	"sync"

	"github.com/miekg/pkcs11"
)

// events says which slots have changed, once for each change that nobody has asked about.
type events struct {
	mu      sync.Mutex
	slots   []uint
	stops   int           // C_Finalize so far: a wait belongs to one run of the module
	changed chan struct{} // closed and made anew at every change, and by C_Finalize
}

func newEvents() *events { return &events{changed: make(chan struct{})} }

func (e *events) add(slot uint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, s := range e.slots {
		if s == slot {
			return
		}
	}
	e.slots = append(e.slots, slot)
	e.wake()
}

// wake lets those who wait look again.
func (e *events) wake() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// stop ends every wait and forgets what nobody has asked about.
func (e *events) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.slots = nil
	e.stops++
	e.wake()
}

// run numbers the time between two C_Finalize.
func (e *events) run() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stops
}

// take gives a slot that has changed in a run, or what to wait for, nil where the run has
// ended.
func (e *events) take(run int) (slot uint, changed <-chan struct{}, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case run != e.stops:
		return 0, nil, false
	case len(e.slots) == 0:
		return 0, e.changed, false
	}
	slot, e.slots = e.slots[0], e.slots[1:]
	return slot, nil, true
}

// Eject takes the token out of a slot: its sessions end, and every call that needs it
// answers CKR_TOKEN_NOT_PRESENT until Insert. The slot stays.
func (t *Token) Eject(slotID uint) error { return t.move(slotID, true) }

// Insert puts the token into its slot again.
func (t *Token) Insert(slotID uint) error { return t.move(slotID, false) }

func (t *Token) move(slotID uint, out bool) error {
	sl, err := t.anySlot(slotID)
	if err != nil {
		return err
	}
	if sl.out.Swap(out) == out {
		return nil
	}
	if out {
		sl.closeAll()
	}
	t.events.add(slotID)
	return nil
}

// SlotEvent is C_WaitForSlotEvent. C_Finalize ends the wait with
// CKR_CRYPTOKI_NOT_INITIALIZED.
func (t *Token) SlotEvent(flags uint) (uint, error) {
	for run := t.events.run(); ; {
		slot, changed, ok := t.events.take(run)
		switch {
		case !t.running.Load(), !ok && changed == nil:
			return 0, rv(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)
		case ok:
			return slot, nil
		case flags&pkcs11.CKF_DONT_BLOCK != 0:
			return 0, rv(pkcs11.CKR_NO_EVENT)
		}
		<-changed
	}
}

// WaitForSlotEvent is C_WaitForSlotEvent as miekg/pkcs11 gives it: one event, or a closed
// channel where there is none.
func (t *Token) WaitForSlotEvent(flags uint) chan pkcs11.SlotEvent {
	out := make(chan pkcs11.SlotEvent, 1)
	go func() {
		defer close(out)
		if slot, err := t.SlotEvent(flags); err == nil {
			out <- pkcs11.SlotEvent{SlotID: slot}
		}
	}()
	return out
}
