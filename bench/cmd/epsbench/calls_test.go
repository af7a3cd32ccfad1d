package main

import (
	"math"
	"testing"
	"time"
)

func TestATimeIsShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 999: "999ns", 12345: "12.3µs", 999_999: "1ms", 90 * time.Second: "1m30s", math.MaxInt64: "2561111h6m40s",
	} {
		if got := short(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
