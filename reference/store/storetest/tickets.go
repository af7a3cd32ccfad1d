package storetest

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

// withTicket inserts a token whose activation is awaited.
func withTicket(t *testing.T, st store.EPS, name string) reference.Ticket {
	t.Helper()
	k := newToken(name, 1)
	ticket := reference.Ticket{Token: k.ID, State: reference.TicketAwaited, Expires: now, Created: now}
	update(t, st, func(tx store.Tx) error {
		if err := tx.InsertToken(k); err != nil {
			return err
		}
		return tx.InsertTicket(ticket)
	})
	return ticket
}

func ticket(t *testing.T, st store.EPS, token reference.TokenID) (k reference.Ticket) {
	t.Helper()
	view(t, st, func(tx store.Reader) (err error) {
		k, err = tx.Ticket(token)
		return err
	})
	return k
}

// testTicket takes one through its life: each change asks for the state before it.
func testTicket(t *testing.T, st store.EPS) {
	k := withTicket(t, st, "ticket")
	if got := ticket(t, st, k.Token); !reflect.DeepEqual(got, k) {
		t.Errorf("read %+v, wrote %+v", got, k)
	}
	mac, expires := []byte{0, 1, 0xfe, 0}, now.Add(time.Hour)
	issue := func(tx store.Tx) error { return tx.IssueTicket(k.Token, mac, expires) }
	try := func(at time.Time) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.TryTicket(k.Token, 2, at) }
	}
	spend := func(tx store.Tx) error { return tx.SpendTicket(k.Token, "the try") }
	forget := func(tx store.Tx) error { return tx.ForgetTry(k.Token) }
	repeat := func(try string) func(store.Tx) error {
		return func(tx store.Tx) error { return tx.RepeatTry(k.Token, try) }
	}
	for _, c := range []struct {
		what   string
		change func(store.Tx) error
		want   error
	}{
		{"a second one of a token", func(tx store.Tx) error { return tx.InsertTicket(k) }, reference.ErrExists},
		{"a try forgotten while it is awaited", forget, nil},
		{"no try again while it is awaited", repeat(""), reference.ErrConflict},
		{"a try while it is awaited", try(now), reference.ErrConflict},
		{"spent while it is awaited", spend, reference.ErrConflict},
		{"issued", issue, nil},
		{"issued again", issue, reference.ErrConflict},
		{"a try at its expiry", try(expires), reference.ErrConflict},
		{"a try a microsecond before", try(expires.Add(-time.Microsecond)), nil},
		{"another try", try(now), nil},
		{"a try too many", try(now), reference.ErrConflict},
		{"spent", spend, nil},
		{"spent again", spend, reference.ErrConflict},
		{"issued when it was spent", issue, reference.ErrConflict},
		{"a try when it was spent", func(tx store.Tx) error { return tx.TryTicket(k.Token, 9, now) }, reference.ErrConflict},
		{"another try again", repeat("another"), reference.ErrConflict},
		{"the try again", repeat("the try"), nil},
		{"the try forgotten", forget, nil},
		{"the try again when it was forgotten", repeat("the try"), reference.ErrConflict},
		{"the try of nobody forgotten", func(tx store.Tx) error { return tx.ForgetTry("none") }, nil},
		{"that of nobody", func(tx store.Tx) error { return tx.SpendTicket("none", "") }, reference.ErrConflict},
	} {
		want(t, c.what, st.Update(context.Background(), c.change), c.want)
	}
	k.State, k.MAC, k.Tries, k.Try, k.Expires = reference.TicketSpent, mac, 3, "", expires
	if got := ticket(t, st, k.Token); !reflect.DeepEqual(got, k) {
		t.Errorf("at the end %+v, want %+v", got, k)
	}
}

func testRaceTicket(t *testing.T, st store.EPS) {
	k := withTicket(t, st, "racetick")
	update(t, st, func(tx store.Tx) error { return tx.IssueTicket(k.Token, []byte{1}, now.Add(time.Hour)) })
	tried := race(t, func() error {
		return st.Update(context.Background(), func(tx store.Tx) error { return tx.TryTicket(k.Token, 5, now) })
	})
	spent := race(t, func() error {
		return st.Update(context.Background(), func(tx store.Tx) error { return tx.SpendTicket(k.Token, "x") })
	})
	if tried != 5 || spent != 1 {
		t.Errorf("%d tries were begun and %d spent the ticket", tried, spent)
	}
}
