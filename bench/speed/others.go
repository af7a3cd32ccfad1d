package speed

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Others tells which share of the machine, 0 to 1, other programs have had since begin. Where
// that is much, what runs in one goroutine is measured still, and what runs in two is not.
type Others struct{ total, busy, own time.Duration }

// Watch begins to look at the machine. It knows Linux only.
func Watch() (Others, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Others{}, err
	}
	o, err := parseStat(string(text))
	if err != nil {
		return Others{}, err
	}
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return Others{}, err
	}
	o.own = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	return o, nil
}

// Share is what others have had from o to now.
func (o Others) Share(now Others) float64 {
	total := now.total - o.total
	if total <= 0 {
		return 0
	}
	return max(0, float64((now.busy-o.busy)-(now.own-o.own))/float64(total))
}

const tick = time.Second / 100 // USER_HZ, proc(5)

// parseStat reads the first line of /proc/stat: ticks of user, nice, system, idle, iowait,
// irq, softirq and steal, over all cores (proc(5)).
func parseStat(text string) (o Others, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return o, errors.New("/proc/stat does not begin with the time of all cores")
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 48)
		if err != nil {
			return Others{}, err
		}
		o.total += time.Duration(n) * tick
		if i != 3 && i != 4 { // idle, iowait
			o.busy += time.Duration(n) * tick
		}
	}
	return o, nil
}
