// Command speed prints how fast the emulator is beside SoftHSMv2, each ratio with the
// bound that it shall keep. It ends with exit code 1 when one is not kept.
package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/sys/cpu"

	"github.com/epsbench/epsbench/bench/speed"
	"github.com/epsbench/epsbench/bench/target"
)

type flags struct {
	Library string        `default:"bin/libepsemu.so" help:"The emulator as a C library (${default})."`
	SoftHSM string        `name:"softhsm" help:"Its peer; default: where distributions put it."`
	Rounds  int           `default:"15" help:"How often the parties take turns (${default})."`
	Round   time.Duration `default:"50ms" help:"How long a turn lasts (${default})."`
	Objects int           `default:"1000000" help:"Token objects to search among (${default})."`
}

func main() {
	var f flags
	kong.Parse(&f, kong.Name("speed"), kong.Description("How fast the emulator is beside SoftHSMv2: ratios in one run, each with its bound."))
	kept, err := f.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "speed:", err)
		os.Exit(2)
	}
	if !kept {
		os.Exit(1)
	}
}

func (f *flags) run() (kept bool, err error) {
	if f.SoftHSM == "" {
		if f.SoftHSM, err = target.SoftHSM(); err != nil {
			return false, err
		}
	}
	dir, err := os.MkdirTemp("", "epsbench-speed-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Options = table.OptionsNoBordersAndSeparators
	t.AppendHeader(table.Row{"what", "with", "measured", "bound", ""})
	kept = true
	begin, watched := speed.Watch()
	err = speed.Measure(speed.Options{
		Library: f.Library, SoftHSM: f.SoftHSM, Dir: dir, Rounds: f.Rounds, Round: f.Round, Objects: f.Objects,
	}, func(r speed.Row) {
		kept = kept && r.Met()
		t.AppendRow(table.Row{r.What, r.With, number(r.Value) + " " + r.Unit, bound(r), mark(r)})
		fmt.Fprintf(os.Stderr, "%s, %s: %s %s\n", r.What, r.With, number(r.Value), r.Unit)
	})
	if err != nil {
		return false, err
	}
	fmt.Println(t.Render())
	if end, err := speed.Watch(); err == nil && watched == nil {
		fmt.Println(meanwhile(begin.Share(end)))
	}
	if cpu.X86.HasAVX512IFMA && os.Getenv(opensslCapabilities) == "" {
		fmt.Println(ifma)
	}
	return kept, nil
}

// ifma explains RSA-OAEP 2048, which misses its bound by that alone.
const (
	opensslCapabilities = "OPENSSL_ia32cap"
	ifma                = "This processor has AVX-512 IFMA, by which OpenSSL, and so SoftHSM, decrypts with RSA of 2048 bits; Go does not. " +
		"Without it on either side: " + opensslCapabilities + "=:~0x200000 make speed."
)

// meanwhile tells how far the ratios may be believed.
func meanwhile(others float64) string {
	const most = 0.1
	line := fmt.Sprintf("Other programs had %.0f %% of the machine meanwhile", 100*others)
	if others < most {
		return line + "."
	}
	return line + ": measure again when it is idle. With two goroutines SoftHSM waits for itself, which shows only there."
}

func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func bound(r speed.Row) string {
	switch {
	case r.Unit == "allocations":
		return "none"
	case r.Most != 0:
		return "≤ " + strconv.FormatFloat(r.Most, 'g', -1, 64)
	}
	return "≥ " + strconv.FormatFloat(r.Least, 'g', -1, 64)
}

func mark(r speed.Row) string {
	if r.Met() {
		return "✓"
	}
	return "✗ not kept"
}
