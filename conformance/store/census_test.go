package store

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/conformance"
)

// drawn gives bytes that are the same in each run.
func drawn(n int, seed byte) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// codes is a small table as a dump gives it, with one column's values replaced.
func codes(column string, values ...[]byte) []conformance.Table {
	t := conformance.Table{Database: "eps", Name: "codes", Columns: []string{"locator", "code_index", "state", "expires"}}
	for i := range 16 {
		t.Rows = append(t.Rows, [][]byte{[]byte("ABCDEFG" + string("0123456789ABCDEF"[i])), drawn(32, byte(i)), []byte("live"), []byte("1764000000123456")})
	}
	for i, name := range t.Columns {
		for j, v := range values {
			if name == column {
				t.Rows[j][i] = v
			}
		}
	}
	return []conformance.Table{t}
}

func TestSurvey(t *testing.T) {
	var texts, tails [][]byte
	for i := range 16 {
		texts = append(texts, []byte(hex.EncodeToString(drawn(16, byte(i)))))
		tails = append(tails, append(drawn(16, byte(i)), drawn(16, 99)...))
	}
	extra := codes("")
	extra[0].Columns[2] = "note"
	for name, c := range map[string]struct {
		tables []conformance.Table
		says   string // "": nothing
	}{
		"as it should be":       {codes(""), ""},
		"a column more":         {extra, "eps.codes.note is a column that nobody expects"},
		"a short index":         {codes("code_index", drawn(31, 1)), "has not the length"},
		"an index of text":      {codes("code_index", texts...), "not uniform"},
		"an index that repeats": {codes("code_index", tails...), "repeat each other"},
		"digits for a state":    {codes("state", []byte("48291057384")), "eps.codes.state"},
		"a code for a time":     {codes("expires", []byte("48291057384")), "eps.codes.expires"},
		"a code for a locator":  {codes("locator", []byte("48291057384")), "eps.codes.locator"},
	} {
		if got := survey(c.tables, expected).strange; c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := missing(codes(""), expected); !strings.Contains(got, "eps.codes.created") || strings.Contains(got, "eps.codes.state") {
		t.Errorf("missing: %s", got)
	}
}

func TestDetail(t *testing.T) {
	for text, fits := range map[string]bool{
		`{}`: true, `{"locator":"ABCDEFG0","suite":"HOTP-SHA256-6","user":"store-abc"}`: true,
		`{"cause":"wrong code","failures":1,"code":"live","source":"127.0.0.1"}`: true,
		`{"code":"48291057384"}`: false, `{"pin":"482910"}`: false, `48291057384`: false, `{"user":"x"`: false,
	} {
		if got := detail.fits([]byte(text)) == ""; got != fits {
			t.Errorf("%s: %v", text, got)
		}
	}
}
