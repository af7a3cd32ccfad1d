package authserver_test

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/epsbench/epsbench/docker"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/mariadb"
)

// engines runs a test on both databases, each time with two nodes on two connections.
func engines(t *testing.T, test func(t *testing.T, nodes [2]*node)) {
	t.Run("SQLite", func(t *testing.T) {
		w := theWorld(t)
		test(t, [2]*node{w.node(t), w.second(t)})
	})
	t.Run("MariaDB", func(t *testing.T) {
		w := onMariaDB(t)
		test(t, [2]*node{w.node(t), w.second(t)})
	})
}

// second is another node on the same database.
func (w *world) second(t testing.TB) *node {
	t.Helper()
	st := must(w.open())(t)
	t.Cleanup(func() { st.Close() })
	return w.node(t, func(_ *authserver.Config, parts *authserver.Parts) { parts.Store = st })
}

func onMariaDB(t *testing.T) *world {
	t.Helper()
	server := must(docker.MariaDB(t.Context()))(t)
	t.Cleanup(func() { server.Stop() })
	return newWorld(t, t.TempDir(), func() (store.AuthServer, error) {
		return mariadb.OpenAuthServer(context.Background(), server.DSN)
	})
}

// parallel calls f 200 times at once, on alternating nodes, and counts the true ones.
func parallel(t *testing.T, nodes [2]*node, f func(n *node, i int) (bool, error)) int {
	t.Helper()
	var accepted atomic.Int64
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range 200 {
		all.Go(func() {
			<-begin
			ok, err := f(nodes[i%2], i)
			if err != nil {
				t.Error(err)
			}
			if ok {
				accepted.Add(1)
			}
		})
	}
	close(begin)
	all.Wait()
	return int(accepted.Load())
}

// TestRaces: over two nodes, an OTP is accepted once, and the lock holds.
func TestRaces(t *testing.T) {
	engines(t, func(t *testing.T, nodes [2]*node) {
		for _, suite := range []string{"HOTP-SHA256-6", "TOTP-SHA256-6-30"} {
			t.Run(suite+": 200 equal OTPs are accepted once", func(t *testing.T) {
				p := nodes[0].enrol(t, suite)
				otp := p.otp(0)
				if suite[0] == 'T' {
					otp = p.otp(uint64(start.Unix() / 30))
				}
				if n := parallel(t, nodes, func(n *node, _ int) (bool, error) {
					return n.Validate(t.Context(), service, p.user, otp)
				}); n != 1 {
					t.Errorf("accepted %d times", n)
				}
			})
		}
		t.Run("200 wrong OTPs: three are judged", func(t *testing.T) {
			p := nodes[0].enrol(t, "HOTP-SHA256-6")
			wrong := p.wrong()
			if n := parallel(t, nodes, func(n *node, _ int) (bool, error) {
				return n.Validate(t.Context(), service, p.user, wrong)
			}); n != 0 {
				t.Errorf("accepted %d", n)
			}
			if c := nodes[0].row(t, p.token); c.Failures != 3 || c.Candidates != 33 || c.State != "locked" {
				t.Errorf("counted %d failures, %d candidates; %s", c.Failures, c.Candidates, c.State)
			}
			if nodes[1].accepts(t, p, p.otp(0)) {
				t.Error("and then the right one is accepted")
			}
		})
		t.Run("right and wrong mixed: nothing is lost", func(t *testing.T) {
			p := nodes[0].enrol(t, "HOTP-SHA256-8")
			accepted := parallel(t, nodes, func(n *node, i int) (bool, error) {
				return n.Validate(t.Context(), service, p.user, p.otp(uint64(i/2)))
			})
			c := nodes[0].row(t, p.token)
			if accepted+c.FailedEver > 200 || uint64(accepted) > c.Counter || c.Version != uint64(1+accepted+c.FailedEver) {
				t.Errorf("%d accepted, %+v", accepted, c)
			}
		})
		t.Run("200 equal creates make one token", func(t *testing.T) {
			r, p := nodes[0].registration(t, user(t), "HOTP-SHA256-6")
			if n := parallel(t, nodes, func(n *node, _ int) (bool, error) {
				return true, n.peer().Create(t.Context(), r)
			}); n != 200 {
				t.Errorf("%d of 200 were answered", n)
			}
			if !nodes[1].accepts(t, p, p.otp(0)) {
				t.Error("the token does not work")
			}
		})
	})
}

// TestDifferentUsersDoNotWait: with one resident TOK, users push each other out of the
// HSM all the time, and still all are judged rightly.
func TestDifferentUsersDoNotWait(t *testing.T) {
	w := theWorld(t)
	n := w.node(t, func(c *authserver.Config, _ *authserver.Parts) { c.Resident = 1 })
	phones := make([]phone, 20)
	for i := range phones {
		phones[i] = n.enrol(t, "HOTP-SHA256-6")
	}
	if accepted := parallel(t, [2]*node{n, n}, func(n *node, i int) (bool, error) {
		p := phones[i%len(phones)]
		_, err := n.Validate(t.Context(), service, p.user, p.otp(0))
		return true, err
	}); accepted != 200 {
		t.Errorf("%d answers", accepted)
	}
	for _, p := range phones {
		if c := n.row(t, p.token); c.Counter != 1 {
			t.Errorf("counter %d", c.Counter)
		}
	}
}

// BenchmarkValidate is right OTPs of 64 users with resident TOKs and durable counters.
func BenchmarkValidate(b *testing.B) {
	n := newWorld(b, filepath.Join(b.TempDir()), nil).node(b)
	phones := make(chan *next, 64)
	for range cap(phones) {
		r, p := n.registration(b, user(b), "HOTP-SHA256-6")
		check(b, n.peer().Create(b.Context(), r))
		phones <- &next{phone: p}
	}
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p := <-phones
			if ok, err := n.Validate(b.Context(), service, p.user, p.otp(p.counter)); !ok || err != nil {
				b.Error(ok, err)
			}
			p.counter++
			phones <- p
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "validations/s")
}

type next struct {
	phone
	counter uint64
}
