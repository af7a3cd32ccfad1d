package trace_test

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/layer/trace"
)

func TestWhatIsWrittenIsRead(t *testing.T) {
	var file bytes.Buffer
	var rec trace.Recorder
	write := trace.Writer(&file)
	m := trace.New("eps", silent{}, func(r trace.Record) { rec.Add(r); write(r) })
	m.Login(3, pkcs11.CKU_USER, "canary-pin-8231")
	m.CreateObject(3, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_LABEL, "a\x1b[2Jkey"), pkcs11.NewAttribute(pkcs11.CKA_VALUE, "canary")})
	m.SignInit(3, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_HMAC, nil)}, 42)
	m.Sign(3, []byte("message"))
	if strings.Contains(file.String(), "canary") {
		t.Errorf("a secret in %s", &file)
	}
	got := all(t, &file)
	want := rec.Since(0)
	for i := range want {
		want[i].At = want[i].At.Round(0) // the reading of the monotonic clock is not written
		got[i].At = got[i].At.In(want[i].At.Location())
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// pieces fails the test when a line comes in more than one Write.
type pieces struct{ t *testing.T }

func (p pieces) Write(b []byte) (int, error) {
	if bytes.Count(b, []byte("\n")) != 1 || b[len(b)-1] != '\n' {
		p.t.Errorf("written in pieces: %q", b)
	}
	return len(b), nil
}

func TestLinesOfManyGoroutinesStayWhole(t *testing.T) {
	m := trace.New("", silent{}, trace.Writer(pieces{t}))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				m.Sign(1, make([]byte, 5000))
			}
		})
	}
	wait.Wait()
}

const good = `{"At":"2026-01-02T03:04:05Z","Took":1500,"Function":"C_Sign","Return":"CKR_OK"}` + "\n"

func TestWhatIsWrongWithATrace(t *testing.T) {
	for _, tt := range []struct{ name, line, says string }{
		{"an unknown key", `{"Value":"00"}`, `unknown field "Value"`},
		{"no JSON", `C_Sign`, "invalid character"},
		{"a line cut off", good[:40], "is cut off"},
		{"an empty line", "", "is cut off"},
		{"two records in a line", strings.TrimSpace(good) + good, "more than one record"},
		{"a function that is none", strings.Replace(good, "C_Sign", "C_Sing", 1), `"C_Sing"`},
		{"no time", `{"Function":"C_Sign","Return":"CKR_OK"}`, "without its time"},
		{"time that runs back", strings.Replace(good, "1500", "-1", 1), "took -1ns"},
		{"a call of centuries", strings.Replace(good, "1500", "9223372036854775807", 1), "took 2562047h47m16.854775807s"},
		{"no return value", strings.Replace(good, "CKR_OK", "", 1), "without its return value"},
		{"a word that a terminal obeys", strings.Replace(good, "CKR_OK", `CKR\u001b[2J`, 1), "cannot be printed"},
		{"a line without end", strings.Repeat("x", trace.MaxLine+1), "longer than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var err error
			before := 0
			for _, err = range trace.Read(strings.NewReader(good + strings.TrimSuffix(tt.line, "\n") + "\n" + good)) {
				if err == nil {
					before++
				}
			}
			if err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want line 2 and %q", err, tt.says)
			}
			if before != 1 {
				t.Errorf("%d records, want the one before", before)
			}
		})
	}
}

func TestASummaryCounts(t *testing.T) {
	var sums trace.Sums
	sums.Add(trace.Record{Function: "C_Login", Took: 5, Return: "CKR_OK"})
	sums.Add(trace.Record{Function: "C_Sign", Took: 200, Return: "CKR_DEVICE_ERROR"})
	for i := 1; i < 200; i++ {
		sums.Add(trace.Record{Function: "C_Sign", Took: time.Duration(200 - i), Return: "CKR_OK"})
	}
	want := []trace.Sum{{"C_Sign", 200, 1, 100, 198}, {"C_Login", 1, 0, 5, 5}}
	if got := sums.List(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// FuzzRead feeds any file: what is taken is written as it was read.
func FuzzRead(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(good + `{"At":"2026-01-02T03:04:05Z","Took":1,"Function":"C_CreateObject","Template":[{"Name":"CKA_VALUE","Len":3}],"Made":[4],"Return":"CKR_OK"}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		var read []trace.Record
		var again bytes.Buffer
		write := trace.Writer(&again)
		for r, err := range trace.Read(bytes.NewReader(file)) {
			if err != nil {
				break
			}
			read = append(read, r)
			write(r)
		}
		var once bytes.Buffer
		twice := trace.Writer(&once)
		for _, r := range all(t, bytes.NewReader(again.Bytes())) {
			twice(r)
		}
		if !bytes.Equal(once.Bytes(), again.Bytes()) || bytes.Count(once.Bytes(), []byte("\n")) != len(read) {
			t.Errorf("%q became %q", &again, &once)
		}
	})
}

// all reads a trace that has nothing wrong.
func all(t *testing.T, r io.Reader) []trace.Record {
	t.Helper()
	var out []trace.Record
	for rec, err := range trace.Read(r) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	return out
}
