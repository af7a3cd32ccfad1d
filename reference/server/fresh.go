package server

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// fresh are the connections that have not brought a request yet. http.Server.Shutdown
// leaves a request unanswered that it reads after it began: so who has just connected is
// first let say what he came for.
type fresh struct {
	mu    sync.Mutex
	conns map[net.Conn]bool
}

// note is the server's ConnState.
func (f *fresh) note(c net.Conn, s http.ConnState) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s == http.StateNew {
		f.conns[c] = true
	} else {
		delete(f.conns, c)
	}
}

func (f *fresh) none() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns) == 0
}

// A fresh connection gets freshTime when the server stops: a client that wants something
// says so at once.
const (
	freshTime = 2 * time.Second
	freshLook = 5 * time.Millisecond // between looks
)

// wait returns when no connection is fresh, and at the latest after freshTime.
func (f *fresh) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, freshTime)
	defer cancel()
	look := time.NewTicker(freshLook)
	defer look.Stop()
	for !f.none() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
	}
}
