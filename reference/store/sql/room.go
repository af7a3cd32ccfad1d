package sql

import (
	"errors"
	"time"
)

// doubtTime is how long a lack of room is believed in. No probe can tell: a table that has
// grown before has pages for it, and most changes need no new one.
const doubtTime = 2 * time.Second

// refusal is a change that found no room.
type refusal struct {
	err error
	at  time.Time
}

// note remembers what became of a group, where that was a lack of room.
func (w *writer) note(err error) {
	if errors.Is(err, errFull) {
		w.full.Store(&refusal{err, time.Now()})
	}
}

// lacksRoom gives the refusal that is believed in, if there is one.
func (w *writer) lacksRoom() error {
	if r := w.full.Load(); r != nil && time.Since(r.at) < doubtTime {
		return r.err
	}
	return nil
}
