package mariadb_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/mariadb"
)

// deaf is a connection that breaks when the answer to a COMMIT has come, and keeps it back.
type deaf struct {
	net.Conn
	armed     *atomic.Bool
	committed atomic.Bool
}

func (c *deaf) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("COMMIT")) && c.armed.CompareAndSwap(true, false) {
		c.committed.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *deaf) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.committed.Load() {
		clear(b[:n])
		return 0, errors.Join(err, c.Close(), net.ErrClosed)
	}
	return n, err
}

// TestLostAnswer: a commit whose answer is lost is neither taken for done nor made again:
// its caller learns that nobody knows, and finds by reading what has become of it.
func TestLostAnswer(t *testing.T) {
	ctx := context.Background()
	var armed atomic.Bool
	mysql.RegisterDialContext("deaf", func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		return &deaf{Conn: conn, armed: &armed}, err
	})
	st, err := mariadb.OpenEPS(ctx, strings.Replace(newDatabase(t), "@tcp(", "@deaf(", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	judged := 0
	insert := func(tx store.Tx) error {
		judged++
		return tx.InsertToken(reference.Token{ID: id(1), Service: "s", User: "u", State: reference.Issued, RowVersion: 1})
	}
	armed.Store(true)
	err = st.Update(ctx, insert)
	if !errors.Is(err, reference.ErrUnavailable) || !strings.Contains(err.Error(), "the outcome of a commit is unknown") {
		t.Errorf("a lost answer gives %v", err)
	}
	if judged != 1 || armed.Load() {
		t.Errorf("judged %d times; the answer was lost: %t", judged, !armed.Load())
	}
	if err := st.View(ctx, func(tx store.Reader) error { _, err := tx.Token(id(1)); return err }); err != nil {
		t.Errorf("what was committed: %v", err)
	}
	if err := st.Update(ctx, insert); !errors.Is(err, reference.ErrExists) {
		t.Errorf("made again, it gives %v", err)
	}
}
