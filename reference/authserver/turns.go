package authserver

import (
	"context"
	"hash/maphash"

	"github.com/epsbench/epsbench/reference"
)

// turns lets one caller at a time change a user's token in this process. Other
// processes are kept apart by the row's version; a turn only spares them, and
// us, the conflicts. Users share a turn when their hashes collide.
type turns struct {
	seed  maphash.Seed
	slots []chan struct{}
}

func newTurns() turns {
	const slots = 1024
	t := turns{maphash.MakeSeed(), make([]chan struct{}, slots)}
	for i := range t.slots {
		t.slots[i] = make(chan struct{}, 1)
	}
	return t
}

// take waits for the turn of key; release must follow.
func (t *turns) take(ctx context.Context, key string) (release func(), err error) {
	if ctx.Err() != nil {
		return nil, ctx.Err() // also where it is the caller's turn
	}
	slot := t.slots[t.slot(key)]
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// slot is the place of key among the turns: whoever has the turn has the slot alone.
func (t *turns) slot(key string) int { return int(maphash.String(t.seed, key) % uint64(len(t.slots))) }

// turnOf is the key of a user's turn; 0 occurs in neither part.
func turnOf(service reference.Service, user reference.User) string {
	return string(service) + "\x00" + string(user)
}
