package oracle_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/vectors"
)

func TestOCRA(t *testing.T) {
	for _, v := range vectors.RFC6287() {
		o, err := oracle.ParseOCRA(v.Suite)
		if err != nil {
			t.Fatal(err)
		}
		got := o.Response(v.Secret, oracle.OCRAInput{
			Counter: v.Counter, Question: strings.Join(v.Questions, ""), PINHash: v.PINHash, Moving: o.Moving(time.Unix(v.Time, 0)),
		})
		if got != v.Response {
			t.Errorf("%s: %s, want %s", v.ID, got, v.Response)
		}
	}
}

// suiteNames draws names near the grammar: most are suites, some are not.
func suiteNames(t *rapid.T) string {
	part := func(name string, of ...string) string { return rapid.SampledFrom(of).Draw(t, name) }
	return "OCRA-1:HOTP-SHA" + part("hash", "1", "256", "512", "2") + "-" + part("digits", "0", "4", "6", "8", "9", "3", "10") + ":" +
		part("counter", "", "C-") + "Q" + part("format", "A", "N", "H", "X") + part("length", "04", "08", "10", "64", "65", "8", "03") +
		part("pin", "", "-PSHA1", "-PSHA256", "-PSHA512", "-PMD5") + part("session", "", "-S064", "-S001", "-S512", "-S513", "-S000", "-S64") +
		part("time", "", "-T1S", "-T59S", "-T60S", "-T1M", "-T48H", "-T49H", "-T0H", "-T01M", "-T")
}

// Two implementations that were written apart agree on every suite, and on its responses.
func TestOCRAAgreesWithTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := suiteNames(t)
		theirs, err := oath.ParseSuite(name)
		ours, ourErr := oracle.ParseOCRA(name)
		if (err == nil) != (ourErr == nil) {
			t.Fatalf("%s: %v, here %v", name, err, ourErr)
		}
		if err != nil {
			return
		}
		alphabet := map[byte]string{'A': "[0-9A-Za-z]", 'N': "[0-9]", 'H': "[0-9A-Fa-f]"}[ours.Format]
		question := rapid.StringMatching(alphabet+"{1,4}").Draw(t, "question")
		at := time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "time"), 0)
		in := oracle.OCRAInput{Counter: rapid.Uint64().Draw(t, "counter"), Question: question, Moving: ours.Moving(at)}
		if ours.PIN != 0 {
			in.PINHash = rapid.SliceOfN(rapid.Byte(), ours.PIN.Size(), ours.PIN.Size()).Draw(t, "pin")
		}
		if ours.Session > 0 {
			in.Session = "s"
		}
		want, err := theirs.DataInput(oath.Input{Counter: in.Counter, Questions: []string{question}, PIN: in.PINHash, Session: []byte(in.Session), Step: theirs.Step(at)})
		if err != nil || string(ours.Data(in)) != string(want) {
			t.Fatalf("%s %+v: %x\nwant %x, %v", name, in, ours.Data(in), want, err)
		}
		if got := ours.Response([]byte("key"), in); len(got) == 0 || ours.Digits > 0 && len(got) != ours.Digits {
			t.Fatalf("%s: response %q", name, got)
		}
	})
}

func FuzzParseOCRA(f *testing.F) {
	f.Add("OCRA-1:HOTP-SHA256-8:QH64-T30S")
	f.Add("OCRA-1:HOTP-SHA512-0:C-QN08-PSHA1-S064-T48H")
	f.Add("OCRA-1:HOTP-SHA1-6:QN08-T49H")
	f.Fuzz(func(t *testing.T, name string) {
		o, err := oracle.ParseOCRA(name)
		if _, theirs := oath.ParseSuite(name); strings.HasPrefix(name, "OCRA-") && (err == nil) != (theirs == nil) {
			t.Errorf("%q: %v, the reference says %v", name, err, theirs)
		}
		if err == nil && len(o.Data(oracle.OCRAInput{Question: "1", PINHash: make([]byte, 64)})) < 128 {
			t.Errorf("%q: no question", name)
		}
	})
}
