package control_test

import (
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// empty answers at once: what is measured is the layers before it.
type empty struct{ cryptoki.Module }

func (empty) Logout(pkcs11.SessionHandle) error { return nil }

// BenchmarkACall tells what a control socket costs a call while nobody is connected: the
// layer of faults, which waits for a plan, and that of records, which nobody wants.
func BenchmarkACall(b *testing.B) {
	faults, err := fault.New(empty{}, nil, fault.Options{})
	if err != nil {
		b.Fatal(err)
	}
	s := control.New(control.Options{}, faults)
	for _, m := range []struct {
		name   string
		labels bool
	}{{"without labels", false}, {"with labels", true}} {
		b.Run(m.name, func(b *testing.B) {
			m := s.Module(trace.With(faults.Module(), trace.Options{Labels: m.labels, Wanted: s.Wanted}, s.Record))
			b.ReportAllocs()
			for b.Loop() {
				if err := m.Logout(1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkARecord tells what a call costs while a bench reads, and how many records it
// gets of those that a program without a pause makes.
func BenchmarkARecord(b *testing.B) {
	faults, err := fault.New(empty{}, nil, fault.Options{})
	if err != nil {
		b.Fatal(err)
	}
	path := socket(b)
	s := control.New(control.Options{Socket: path}, faults)
	if err := s.Listen(); err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	m := trace.With(faults.Module(), trace.Options{Wanted: s.Wanted}, s.Record)
	bench, err := control.Dial(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	seen := 0
	stream, err := bench.Records(b.Context(), func(trace.Record) { seen++ })
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		m.Logout(1)
	}
	s.Close()
	if err := stream.Wait(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(seen)/b.Elapsed().Seconds(), "records/s")
}
