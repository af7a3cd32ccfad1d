package control

import (
	"strings"
	"testing"
)

// FuzzRequest gives the emulator any line of a bench: it takes a request of the table, or
// says what is wrong in a line that can be sent.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{"do":"records"}`, `{"do":"play","scenario":"failover"}`, `{"do":"play","yaml":"name: x"}`, `{"hello":"epsbench.control/1"}`, "null", "{"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r request
		err := next(lines(strings.NewReader(text+"\n")), &r)
		if err == nil {
			err = r.check()
		}
		if err == nil && requests[r.Do] == nil {
			t.Errorf("took %+v", r)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %v", err)
		}
	})
}

// FuzzReply gives the bench any line of an emulator.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{
		`{"done":"fired","fired":3}`, `{"error":{"code":"peer","text":"no"}}`, `{"lost":{"records":1,"needles":2}}`,
		`{"needle":{"from":"C_UnwrapKey","key":3,"value":"00112233445566778899aabbccddeeff"}}`,
		`{"record":{"At":"2024-01-01T00:00:00Z","Took":5,"Function":"C_Sign","Return":"CKR_OK"}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r reply
		if err := next(lines(strings.NewReader(text+"\n")), &r); err != nil {
			return
		}
		if r.Error != nil && r.Error.err() == nil {
			t.Error("an error that is none")
		}
		if rec, err := r.record(); err == nil && rec.Function == "" {
			t.Errorf("took %+v", rec)
		}
		if r.Needle != nil {
			if n, err := r.Needle.needle(); err == nil && len(n.Value()) < 8 {
				t.Errorf("took %v", n)
			}
		}
	})
}
