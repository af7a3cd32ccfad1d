package control

import (
	"sync"

	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// How much waits for one bench that reads slowly.
const (
	maxEvents = 8192      // records and needles
	maxHeld   = 8 << 20   // bytes of needles
	maxNeedle = 512 << 10 // bytes of one
)

// event is a record or a needle that is to be sent.
type event struct {
	record *trace.Record
	needle *needle.Needle
}

func (e event) clear() {
	if e.needle != nil {
		e.needle.Clear()
	}
}

func (e event) size() int {
	if e.needle == nil {
		return 0
	}
	return len(e.needle.Value())
}

func (e event) lost() Lost {
	if e.needle != nil {
		return Lost{Needles: 1}
	}
	return Lost{Records: 1}
}

// queue holds the events of one connection. Putting one in never waits: what has no room is
// counted, and the count follows what was there before it.
type queue struct {
	ready chan struct{} // holds a value when there may be something to take

	mu     sync.Mutex // guards what follows
	events []event
	held   int // bytes of needles
	lost   Lost
	closed bool
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) put(e event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		e.clear()
		return
	}
	if q.lost != (Lost{}) || len(q.events) >= maxEvents || q.held+e.size() > maxHeld || e.size() > maxNeedle {
		q.lost = q.lost.add(e.lost())
		e.clear()
	} else {
		q.events = append(q.events, e)
		q.held += e.size()
	}
	q.wake()
}

func (q *queue) wake() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take gives all that waits, and what was lost after it. open is false once the queue is
// closed: then nothing comes any more.
func (q *queue) take() (events []event, lost Lost, open bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, lost, open = q.events, q.lost, !q.closed
	q.events, q.held, q.lost = nil, 0, Lost{}
	return events, lost, open
}

// close lets nothing in any more. What waits can still be taken.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.wake()
}
