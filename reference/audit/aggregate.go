package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// sourceLimit bounds what a flood from many addresses can make the audit hold; the
// sources beyond it are counted together.
const sourceLimit = 1024

// others is the source of what is counted together.
const others = "others"

// Updater is what the Aggregator needs of a store.
type Updater interface {
	Update(ctx context.Context, fn func(tx store.Tx) error) error
}

// Aggregator counts what is refused before a session is known, by source and second:
// one record for each, so that a flood cannot fill the audit.
type Aggregator struct {
	store Updater
	clock reference.Clock

	mu     sync.Mutex
	counts map[reject]int
}

type reject struct {
	second int64
	source string
}

// NewAggregator gives an Aggregator that writes to st.
func NewAggregator(st Updater, clock reference.Clock) *Aggregator {
	return &Aggregator{store: st, clock: clock, counts: map[reject]int{}}
}

// Count adds one refusal of a source, an address without its port. It never waits for the store.
func (a *Aggregator) Count(source string) {
	r := reject{a.clock.Now().Unix(), source}
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.counts[r]; !known && len(a.counts) >= sourceLimit {
		r.source = others
	}
	a.counts[r]++
}

// Flush writes the seconds that are over. Call it about once a second. What could not
// be written is kept for the next call.
func (a *Aggregator) Flush(ctx context.Context) error {
	return a.flush(ctx, a.clock.Now().Unix())
}

// Close writes everything.
func (a *Aggregator) Close(ctx context.Context) error {
	return a.flush(ctx, a.clock.Now().Unix()+1)
}

func (a *Aggregator) flush(ctx context.Context, before int64) error {
	counts := a.take(before)
	if len(counts) == 0 {
		return nil
	}
	records, err := recordsOf(counts)
	if err == nil {
		err = a.store.Update(ctx, func(tx store.Tx) error {
			for _, r := range records {
				if err := tx.Audit(r); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		a.putBack(counts)
		return fmt.Errorf("audit of early refusals: %w", err)
	}
	return nil
}

// take removes the seconds before one.
func (a *Aggregator) take(before int64) map[reject]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	taken := map[reject]int{}
	for r, n := range a.counts {
		if r.second < before {
			taken[r] = n
			delete(a.counts, r)
		}
	}
	return taken
}

func (a *Aggregator) putBack(counts map[reject]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for r, n := range counts {
		a.counts[r] += n
	}
}

// recordsOf gives the records in the order of time and source.
func recordsOf(counts map[reject]int) ([]store.AuditRecord, error) {
	var records []store.AuditRecord
	for r, n := range counts {
		detail, err := json.Marshal(struct {
			Count  int    `json:"count"`
			Source string `json:"source"`
		}{n, r.source})
		if err != nil {
			return nil, err
		}
		records = append(records, store.AuditRecord{
			At: time.Unix(r.second, 0).UTC(), Event: "rejected", Actor: "stranger", Detail: string(detail),
		})
	}
	slices.SortFunc(records, func(a, b store.AuditRecord) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Detail, b.Detail))
	})
	return records, nil
}
