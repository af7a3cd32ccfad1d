package hunt

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// drawn gives bytes that are the same in each run.
func drawn(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// names of what is found, without repetition.
func names(h *Hunt, data []byte) map[string]bool {
	all := map[string]bool{}
	for _, p := range h.in(data) {
		all[p.needle] = true
	}
	return all
}

// A needle is found however programs write it, wherever in the surroundings it lies.
func TestFindsEveryWay(t *testing.T) {
	secret, pin := drawn(32, 1), "482910573846"
	h := For(Bytes("TOK", secret), Digits("PIN", pin))
	list, err := json.Marshal(struct{ K []int }{ints(secret)})
	if err != nil {
		t.Fatal(err)
	}
	for before := range 7 {
		around := func(b []byte) []byte {
			return append(append(drawn(before, 2), b...), drawn(9-before, 3)...)
		}
		for how, data := range map[string][]byte{
			"raw":          around(secret),
			"a half":       around(secret[16:]),
			"hex":          []byte(hex.EncodeToString(around(secret))),
			"upper hex":    []byte(strings.ToUpper(hex.EncodeToString(around(secret)))),
			"base64":       []byte(base64.StdEncoding.EncodeToString(around(secret))),
			"raw base64":   []byte(base64.RawStdEncoding.EncodeToString(around(secret))),
			"base64url":    []byte(base64.URLEncoding.EncodeToString(around(secret))),
			"half base64":  []byte(base64.StdEncoding.EncodeToString(around(secret[:16]))),
			"a Go slice":   fmt.Append(nil, around(secret)),
			"a JSON array": list,
		} {
			if got := names(h, data); !got["TOK"] || got["PIN"] {
				t.Errorf("%s, %d bytes in: %v", how, before, got)
			}
		}
		for how, data := range map[string][]byte{
			"text":       around([]byte(pin)),
			"in digits":  []byte("99" + pin + "11"),
			"hex":        []byte(hex.EncodeToString(around([]byte(pin)))),
			"base64":     []byte(base64.StdEncoding.EncodeToString(around([]byte(pin)))),
			"a Go slice": fmt.Append(nil, around([]byte(pin))),
		} {
			if got := names(h, data); !got["PIN"] || got["TOK"] {
				t.Errorf("PIN as %s, %d bytes in: %v", how, before, got)
			}
		}
	}
}

func ints(b []byte) (list []int) {
	for _, v := range b {
		list = append(list, int(v))
	}
	return list
}

// What is planted anywhere is found, all of it, also in nothing.
func TestPlantedIsFound(t *testing.T) {
	h := For(Bytes("C", drawn(64, 4)), Digits("registration code", "83920174655"), Bytes("imported seed", drawn(20, 5)))
	for _, n := range []int{0, 1, 100, 1 << 20} {
		data := drawn(n, 6)
		if got := h.in(h.planted(nil, data)); len(got) != len(h.patterns) {
			t.Errorf("%d of %d patterns in %d bytes", len(got), len(h.patterns), n)
		}
		if got := h.in(data); len(got) != 0 {
			t.Errorf("%v in random bytes", got)
		}
	}
}
