package run

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/conformance"
)

func TestRecordsAreReadStrictly(t *testing.T) {
	for _, line := range []string{
		``, `{}`, `null`, `[]`, `{"end":{}} {}`, `{"end":{},"result":{}}`, `{"END":1}`, `{"end":{"more":1}}`, "\x00",
	} {
		if _, err := parseRecord([]byte(line)); !errors.Is(err, errRecord) {
			t.Errorf("%q: %v, want errRecord", line, err)
		}
	}
}

func TestRecordsSurviveTheWire(t *testing.T) {
	var b bytes.Buffer
	w := &writer{out: &b}
	w.write(Record{Opened: &conformance.Identity{Name: "toy"}})
	w.write(Record{Result: &conformance.Result{Claim: "T-1", Verdict: conformance.Pass, Series: &conformance.Series{Name: "s", Seen: []float64{1}}}})
	w.write(Record{End: &End{Results: 1}})
	var got []Record
	if err := readRecords(&b, func(r Record) { got = append(got, r) }); err != nil || w.err != nil {
		t.Fatal(err, w.err)
	}
	if len(got) != 3 || got[1].Result.Series.Seen[0] != 1 || got[2].End.Results != 1 {
		t.Errorf("%+v", got)
	}
}

func TestJobsAreReadStrictly(t *testing.T) {
	for _, line := range []string{"", "{}", "{\"name\":1}\n", "{\"unknown\":1}\n", strings.Repeat("x", maxJob+1)} {
		if _, err := readJob(bufio.NewReader(strings.NewReader(line))); !errors.Is(err, errJob) {
			t.Errorf("%.20q: %v, want errJob", line, err)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	for _, s := range []string{`{"end":{"results":1}}`, `{"result":{"claim":"T-1"}}`, `{"opened":{}}`, `{"unusable":{"error":"x"}}`, `{`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRecord(line)
		if err != nil {
			return
		}
		var b bytes.Buffer
		w := &writer{out: &b}
		w.write(r)
		if _, err := parseRecord(bytes.TrimSpace(b.Bytes())); err != nil {
			t.Errorf("%q was read, %q was not: %v", line, b.Bytes(), err)
		}
	})
}

func FuzzReadJob(f *testing.F) {
	f.Add([]byte("{\"name\":\"good\",\"family\":\"good\",\"target\":\"reference\",\"options\":{\"profile\":\"quick\",\"seed\":7}}\n"))
	f.Add([]byte("{\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		if _, err := readJob(bufio.NewReader(bytes.NewReader(in))); err != nil && !errors.Is(err, errJob) {
			t.Error(err)
		}
	})
}
