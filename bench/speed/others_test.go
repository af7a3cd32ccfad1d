package speed

import (
	"testing"
	"time"
)

func TestTheShareOfOthers(t *testing.T) {
	begin, err := parseStat("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n")
	if err != nil {
		t.Fatal(err)
	}
	end, err := parseStat("cpu  250 0 100 1100 50 0 0 0 0 0\n")
	if err != nil {
		t.Fatal(err)
	}
	end.own = time.Second // of the 2 s that all programs have worked, in 5 s of the cores
	if got := begin.Share(end); got != 0.2 {
		t.Errorf("got %v, want 0.2", got)
	}
}

func TestStatsThatAreNone(t *testing.T) {
	for _, text := range []string{"", "cpu 1 2 3\n", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3 4 -5 6 7 8\n", "cpu 1 2 3 4 99999999999999999999 6 7 8\n"} {
		if _, err := parseStat(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
