package pin

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	"pgregory.net/rapid"
)

// property checks a rapid property with what the run's seed draws. The property fails by
// t.Fatalf with a text that shows no secret; the values drawn are never printed.
func property(prop func(*rapid.T)) {
	GinkgoHelper()
	testing.Init() // rapid asks package testing for its flags, also outside `go test`
	if !flag.Parsed() {
		_ = flag.CommandLine.Parse(nil) // nothing to parse
	}
	for name, value := range map[string]string{
		"rapid.seed":       strconv.FormatUint(drawSeed(), 10),
		"rapid.nofailfile": "true",
	} {
		if err := flag.Set(name, value); err != nil {
			panic(err) // rapid has no such flag any more
		}
	}
	rapid.Check(&falsified{}, prop)
}

// drawSeed is the run's seed as rapid takes it: 0 would be a random one.
func drawSeed() uint64 { return max(1, uint64(GinkgoRandomSeed())) }

// falsified is where rapid reports to. Its log names drawn values, so it is dropped.
type falsified struct{ why string }

func (*falsified) Helper()              {}
func (*falsified) Name() string         { return CurrentSpecReport().LeafNodeText }
func (*falsified) Logf(string, ...any)  {}
func (*falsified) Log(...any)           {}
func (*falsified) Skipf(string, ...any) {}
func (*falsified) Skip(...any)          {}
func (*falsified) SkipNow()             {}
func (f *falsified) Failed() bool       { return f.why != "" }
func (f *falsified) Fail()              { f.why = "falsified" }
func (f *falsified) Error(args ...any)  { f.Errorf("%v", args) }
func (f *falsified) Fatal(args ...any)  { f.Fatalf("%v", args) }
func (f *falsified) FailNow()           { Fail(f.why) }
func (f *falsified) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	f.FailNow()
}

// Errorf keeps the first line: the second tells how to repeat it under `go test`.
func (f *falsified) Errorf(format string, args ...any) {
	f.why, _, _ = strings.Cut(fmt.Sprintf(format, args...), "\n")
}
