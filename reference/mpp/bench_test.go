package mpp_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/hsm"
)

// BenchmarkGrant is provisioning without the network: RSA-2048, durable commit.
func BenchmarkGrant(b *testing.B) {
	w := newWorld(b)
	bodies := make([][]byte, b.N)
	for i := range bodies {
		r := w.EnrolAs(b, enroll.Request{Service: enrolltest.Service, User: reference.User(fmt.Sprint("user ", i))})
		_, bodies[i] = w.request(b, r.Code.Bytes())
	}
	b.ResetTimer()
	w.each(b, bodies, true)
}

// BenchmarkRefusal has locators that nobody has.
func BenchmarkRefusal(b *testing.B) {
	w := newWorld(b)
	bodies := make([][]byte, b.N)
	for i := range bodies {
		_, bodies[i] = w.request(b, []byte("ZZZZZZZZ-12345678901"))
	}
	b.ResetTimer()
	w.each(b, bodies, false)
}

// BenchmarkOAEP is the RSA operation that both contain, alone.
func BenchmarkOAEP(b *testing.B) {
	w := newWorld(b)
	_, body := w.request(b, []byte("ZZZZZZZZ-12345678901"))
	blob := header(b, body).OAEP
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			err := w.HSM.Do(ctx, func(ss *hsm.Session) error {
				private, err := w.Keys.MPPPrivate(ctx, 2)
				if err != nil {
					return err
				}
				_, err = ss.OpenRequest(private, w.HSM.Suites()[0], blob)
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
}

// each sends the bodies, eight at once.
func (w *world) each(b *testing.B, bodies [][]byte, want bool) {
	next := make(chan []byte)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for body := range next {
				if _, granted := w.mpp.Provision(ctx, 2, "", body); granted != want {
					b.Errorf("granted %v", granted)
				}
			}
		})
	}
	for _, body := range bodies {
		next <- body
	}
	close(next)
	all.Wait()
}
