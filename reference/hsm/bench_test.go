package hsm_test

import (
	"context"
	"crypto"
	"crypto/rsa"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// provisioning is what a server has while phones come: DBK and IDX resident, rows
// sealed, an MPP pair.
type provisioning struct {
	server
	mpp    *hsm.Resident
	public *rsa.PublicKey
	sealed []byte
	blob   []byte
}

func newProvisioning(b *testing.B, h *hsm.HSM, bits int) *provisioning {
	p := &provisioning{server: newServer(b, h)}
	do(b, h, func(s *hsm.Session) {
		_, public, err := s.GenerateRSA("MPP/2", bits, hsm.UnwrapRequest)
		must(b, err)
		p.public = public
		p.blob = encrypt(b, public, s.OAEPSuite(), random(32))
		p.sealed = get(s.SealRow(get(p.dbk.Key(b.Context()))(b), [32]byte{1}, get(s.ImportC(random(32)))(b)))(b)
	})
	p.mpp = h.Resident("MPP/2", func(s *hsm.Session) (hsm.Key, error) { return s.Find("MPP/2") })
	return p
}

// provision is every call of one MPP request (PROTOCOL.md §6).
func (p *provisioning) provision(ctx context.Context) error {
	return p.h.Do(ctx, func(s *hsm.Session) error {
		var keys [3]hsm.Key
		for i, r := range []*hsm.Resident{p.mpp, p.idx, p.dbk} {
			key, err := r.Key(ctx)
			if err != nil {
				return err
			}
			keys[i] = key
		}
		request, err := s.OpenRequest(keys[0], s.OAEPSuite(), p.blob)
		if err != nil {
			return err
		}
		for _, key := range []hsm.Key{request.Kt, request.Kt, keys[1]} {
			if _, err := s.MAC(key, crypto.SHA256, p.blob[:35]); err != nil {
				return err
			}
		}
		c, err := s.OpenRow(keys[2], [32]byte{1}, p.sealed, 32)
		if err != nil {
			return err
		}
		_, err = s.Deliver(request.Kc, c)
		return err
	})
}

// oaep is one raw RSA-OAEP operation of the module.
func (p *provisioning) oaep(ctx context.Context) error {
	return p.h.Do(ctx, func(s *hsm.Session) error {
		key, err := p.mpp.Key(ctx)
		if err != nil {
			return err
		}
		return hsm.RawOAEP(s, key, p.blob)
	})
}

// reportCPU adds the processor time of an operation, which other work on the machine
// does not stretch.
func reportCPU(b *testing.B) func() {
	before := cpuTime(b)
	return func() { b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op") }
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkProvisioning(b *testing.B) {
	for _, tok := range tokens {
		for _, bits := range []int{2048, 3072} {
			m, cfg := tok.make(b)
			p := newProvisioning(b, hsmtest.Open(b, m, cfg), bits)
			for _, work := range []struct {
				name string
				fn   func(context.Context) error
			}{{"raw OAEP", p.oaep}, {"provisioning", p.provision}} {
				b.Run(fmt.Sprintf("%s/RSA-%d/%s", tok.name, bits, work.name), func(b *testing.B) {
					defer reportCPU(b)()
					b.RunParallel(func(pb *testing.PB) {
						for pb.Next() {
							if err := work.fn(b.Context()); err != nil {
								b.Fatal(err)
							}
						}
					})
				})
			}
		}
	}
}

// BenchmarkCheckValueEmpty is what reading the attribute of each new key costs.
func BenchmarkCheckValueEmpty(b *testing.B) {
	for _, tok := range tokens {
		b.Run(tok.name, func(b *testing.B) {
			m, cfg := tok.make(b)
			do(b, hsmtest.Open(b, m, cfg), func(s *hsm.Session) {
				key := get(s.ImportC(random(32)))(b)
				for b.Loop() {
					must(b, s.CheckValueEmpty(key))
				}
			})
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, tok := range tokens {
		b.Run(tok.name, func(b *testing.B) {
			m, cfg := tok.make(b)
			for b.Loop() {
				must(b, get(hsm.Open(b.Context(), m, cfg))(b).Close())
			}
		})
	}
}

func BenchmarkRequestWithoutRSA(b *testing.B) {
	for _, tok := range tokens {
		b.Run(tok.name, func(b *testing.B) {
			m, cfg := tok.make(b)
			v := newServer(b, hsmtest.Open(b, m, cfg))
			defer reportCPU(b)()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					var mac, sealed []byte
					if err := v.request(b.Context(), &mac, &sealed); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
