package hsm

import "sync"

// workers are goroutines that make calls for others. One that has come back from a call
// takes the next: a new goroutine for each would cost more than most calls.
type workers struct {
	next chan task
	quit chan struct{}
	end  func()
}

type task interface{ run() }

func newWorkers() workers {
	quit := make(chan struct{})
	return workers{next: make(chan task), quit: quit, end: sync.OnceFunc(func() { close(quit) })}
}

// do has a worker begin with t, a new one where none is free.
func (w workers) do(t task) {
	select {
	case w.next <- t:
	default:
		go w.work(t)
	}
}

// work ends when the token is closed.
func (w workers) work(t task) {
	t.run()
	for {
		select {
		case t := <-w.next:
			t.run()
		case <-w.quit:
			return
		}
	}
}
