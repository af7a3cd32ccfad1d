package audit_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// clock is set by the test.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func rejected(t *testing.T, st store.EPS) (details []string) {
	t.Helper()
	err := st.View(context.Background(), func(tx store.Reader) error {
		records, err := tx.AuditRecords(store.AuditQuery{Event: "rejected"})
		for _, r := range records {
			details = append(details, r.At.Format("05 ")+r.Detail)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return details
}

// TestAggregator: refusals are counted by source and second, and written when the
// second is over.
func TestAggregator(t *testing.T) {
	ctx := context.Background()
	st, _ := place(t.TempDir()).open(t)
	c := &clock{now: at}
	a := audit.NewAggregator(st, c)
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() { a.Count(fmt.Sprintf("192.0.2.%d", i%3)) })
	}
	wg.Wait()
	flush := func(fn func(context.Context) error) {
		t.Helper()
		if err := fn(ctx); err != nil {
			t.Error(err)
		}
	}
	flush(a.Flush)
	if got := rejected(t, st); got != nil {
		t.Errorf("within the second: %q", got)
	}
	c.advance(time.Second)
	a.Count("2001:db8::1")
	flush(a.Flush)
	flush(a.Flush)
	want := []string{
		`12 {"count":100,"source":"192.0.2.0"}`, `12 {"count":100,"source":"192.0.2.1"}`, `12 {"count":100,"source":"192.0.2.2"}`,
	}
	if got := rejected(t, st); !reflect.DeepEqual(got, want) {
		t.Errorf("after it: %q", got)
	}
	flush(a.Close)
	if got := rejected(t, st); !reflect.DeepEqual(got, append(want, `13 {"count":1,"source":"2001:db8::1"}`)) {
		t.Errorf("at the end: %q", got)
	}
}

// TestAggregatorKeeps: a store that takes no record loses no count, and a flood from many
// sources does not fill the memory.
func TestAggregatorKeeps(t *testing.T) {
	ctx := context.Background()
	p := place(t.TempDir())
	st, err := sqlite.OpenEPS(ctx, p.database())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	c := &clock{now: at}
	a := audit.NewAggregator(st, c)
	for i := range 5000 {
		a.Count(fmt.Sprint("source ", i))
	}
	c.advance(time.Second)
	if err := a.Flush(ctx); err == nil {
		t.Error("written without a chain")
	}
	a.Count("source 1")
	st.SetSealer(audit.New(node, rightMAC, p.anchor()))
	if err := a.Close(ctx); err != nil {
		t.Fatal(err)
	}
	records, total := rejected(t, st), 0
	for _, r := range records {
		var second, n int
		if _, err := fmt.Sscanf(r, `%d {"count":%d,`, &second, &n); err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 5001 || len(records) > 1030 {
		t.Errorf("%d refusals in %d records", total, len(records))
	}
}
