package phone_test

import (
	"errors"
	"testing"
	"time"

	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/phone"
)

// asked is a device for challenges.
func asked(t testing.TB, suite string) *phone.Device {
	d := device(t)
	d.Suite = suite
	return d
}

// The independent client computes the same from what was delivered.
func TestResponses(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for suite, q := range map[string]phone.Question{
		"OCRA-1:HOTP-SHA256-8:QH64-T30S":     {Text: "C0FFEE"},
		"OCRA-1:HOTP-SHA256-6:C-QN08":        {Text: "12345678"},
		"OCRA-1:HOTP-SHA1-7:C-QA10-S064-T1M": {Text: "Pay100", Session: "session"},
		"OCRA-1:HOTP-SHA256-8:QN08-S064-T1H": {Text: "00000007", Session: "s"},
	} {
		d := asked(t, suite)
		o, err := oracle.ParseOCRA(suite)
		if err != nil {
			t.Fatal(err)
		}
		tok, err := oracle.Inner{C: d.C, Direction: int(d.Direction), TOKLength: d.TOKLength, Salt: d.Salt, KDF: d.KDF, Iterations: d.Iterations}.TOK("123456")
		if err != nil {
			t.Fatal(err)
		}
		want := o.Response(tok, oracle.OCRAInput{Counter: d.Counter, Question: q.Text, Session: q.Session, Moving: o.Moving(now)})
		before := d.Counter
		got, err := d.Respond([]byte("123456"), q, now, memory{})
		if err != nil || got != want {
			t.Errorf("%s: %s, want %s, %v", suite, got, want, err)
		}
		if moved := d.Counter - before; (moved == 1) != o.Counter {
			t.Errorf("%s: the counter moved by %d", suite, moved)
		}
	}
}

func TestWhatAPhoneDoesNotAnswer(t *testing.T) {
	now, pin := time.Unix(1_700_000_000, 0), []byte("123456")
	for name, c := range map[string]struct {
		suite string
		q     phone.Question
		want  error
	}{
		"no question":      {"OCRA-1:HOTP-SHA256-6:C-QN08", phone.Question{}, oath.ErrInput},
		"letters":          {"OCRA-1:HOTP-SHA256-6:C-QN08", phone.Question{Text: "abc"}, oath.ErrInput},
		"no session":       {"OCRA-1:HOTP-SHA256-6:C-QN08-S064", phone.Question{Text: "1"}, oath.ErrInput},
		"a session":        {"OCRA-1:HOTP-SHA256-6:C-QN08", phone.Question{Text: "1", Session: "s"}, oath.ErrInput},
		"a PIN's hash":     {"OCRA-1:HOTP-SHA256-6:C-QN08-PSHA1", phone.Question{Text: "1"}, oath.ErrInput},
		"questions at all": {"HOTP-SHA256-6", phone.Question{Text: "1"}, phone.ErrDevice},
		"another suite":    {"OCRA-1:x", phone.Question{Text: "1"}, phone.ErrDevice},
	} {
		d := asked(t, c.suite)
		before := d.Counter
		if got, err := d.Respond(pin, c.q, now, memory{}); !errors.Is(err, c.want) || d.Counter != before {
			t.Errorf("%s: %q, %v, the counter moved by %d", name, got, err, d.Counter-before)
		}
	}
	if otp, err := asked(t, "OCRA-1:HOTP-SHA256-8:QH64-T30S").OTP(pin, now, memory{}); !errors.Is(err, phone.ErrDevice) {
		t.Errorf("an OTP without a question: %q, %v", otp, err)
	}
}

// A counter that cannot be kept gives no response.
func TestTheCounterIsKeptBeforeTheResponse(t *testing.T) {
	broken := errors.New("disk full")
	d := asked(t, "OCRA-1:HOTP-SHA256-6:C-QN08")
	if got, err := d.Respond([]byte("123456"), phone.Question{Text: "1"}, time.Now(), failing{broken}); !errors.Is(err, broken) || got != "" {
		t.Errorf("%q, %v", got, err)
	}
}
