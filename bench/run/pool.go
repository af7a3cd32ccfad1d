package run

import (
	"cmp"
	"context"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// Pool runs jobs in child processes, a few at a time.
type Pool struct {
	Parallel int           // at once; at least 1
	Logs     string        // a directory: <job>.log for each
	Limit    time.Duration // for one child
	Command  func() *exec.Cmd
}

// Event tells a watcher what happened; exactly one of Record and Outcome is set,
// or neither when the job starts.
type Event struct {
	Job     Job
	Record  *Record
	Outcome *Outcome
}

// Run runs the jobs and gives their outcomes in the same order. watch is called for
// one event at a time. An unusable target stops the others.
func (p Pool) Run(ctx context.Context, jobs []Job, watch func(Event)) []Outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	tell := func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		watch(e)
	}
	outcomes := make([]Outcome, len(jobs))
	turns := make(chan struct{}, max(p.Parallel, 1))
	var all sync.WaitGroup
	for _, i := range longestFirst(jobs) {
		job := jobs[i]
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			outcomes[i] = p.one(ctx, job, tell)
			if o := &outcomes[i]; o.Unusable != nil && job.Options.Mutant == "" {
				if ctx.Err() != nil { // it was told to stop, which is no cause
					o.Unusable, o.Stopped, o.Death = nil, true, errStopped.Error()
				}
				cancel()
			}
		})
	}
	all.Wait()
	return outcomes
}

// longestFirst gives the places of jobs in the order to begin them.
func longestFirst(jobs []Job) []int {
	order := make([]int, len(jobs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(jobs[b].Long, jobs[a].Long) })
	return order
}

func (p Pool) one(ctx context.Context, job Job, tell func(Event)) Outcome {
	if ctx.Err() != nil {
		return Outcome{Job: job, Stopped: true, Death: errStopped.Error()}
	}
	tell(Event{Job: job})
	o := p.process(ctx, job, func(r Record) { tell(Event{Job: job, Record: &r}) })
	tell(Event{Job: job, Outcome: &o})
	return o
}

func (p Pool) command() *exec.Cmd {
	if p.Command != nil {
		return p.Command()
	}
	return command()
}
