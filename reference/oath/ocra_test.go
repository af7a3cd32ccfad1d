package oath_test

import (
	"bytes"
	"crypto"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/vectors"
)

func TestRFC6287AppendixC(t *testing.T) {
	for _, v := range vectors.RFC6287() {
		s, err := oath.ParseSuite(v.Suite)
		if err != nil {
			t.Fatal(err)
		}
		in := oath.Input{Counter: v.Counter, Questions: v.Questions, PIN: v.PINHash, Step: s.Step(time.Unix(v.Time, 0))}
		got, err := s.Response(keyed(s.Hash, string(v.Secret)), in)
		if err != nil || got != v.Response || in.Step != v.Step || s.CheckResponse(got) != nil {
			t.Errorf("%s: %s at step %d, want %s at %d, %v", v.ID, got, in.Step, v.Response, v.Step, err)
		}
	}
}

// ocraSuites draws any suite of the grammar.
func ocraSuites() *rapid.Generator[oath.Suite] {
	hashes := []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512}
	return rapid.Custom(func(t *rapid.T) oath.Suite {
		s := oath.Suite{
			Kind:   oath.KindOCRA,
			Hash:   rapid.SampledFrom(hashes).Draw(t, "hash"),
			Digits: rapid.SampledFrom([]int{0, 4, 5, 6, 7, 8, 9}).Draw(t, "digits"),
		}
		s.Inputs = oath.Inputs{
			Counter: rapid.Bool().Draw(t, "counter"),
			Question: oath.Question{
				Format: rapid.SampledFrom([]oath.Format{oath.Alphanumeric, oath.Numeric, oath.Hexadecimal}).Draw(t, "format"),
				Length: rapid.IntRange(4, 64).Draw(t, "length"),
			},
			PIN:     rapid.SampledFrom(append(hashes, 0)).Draw(t, "pin"),
			Session: rapid.IntRange(0, 512).Draw(t, "session"),
		}
		unit := rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		most := map[time.Duration]int{0: 1, time.Second: 59, time.Minute: 59, time.Hour: 48}[unit]
		s.Period = unit * time.Duration(rapid.IntRange(1, most).Draw(t, "step"))
		return s
	})
}

func TestEveryOCRASuiteHasOneName(t *testing.T) {
	names := map[string]oath.Suite{}
	rapid.Check(t, func(t *rapid.T) {
		s := ocraSuites().Draw(t, "suite")
		read, err := oath.ParseSuite(s.String())
		if err != nil || read != s {
			t.Fatalf("%s: read %+v, %v, want %+v", s, read, err, s)
		}
		if other, ok := names[s.String()]; ok && other != s {
			t.Fatalf("%s is %+v and %+v", s, other, s)
		}
		names[s.String()] = s
	})
}

// What is spelled in another way is another text under the HMAC, and no suite here.
func TestOtherOCRANamesAreNone(t *testing.T) {
	for name, why := range map[string]string{
		"OCRA-":                                    "want OCRA-1:HOTP",
		"OCRA-2:HOTP-SHA1-6:QN08":                  "want OCRA-1:HOTP",
		"OCRA-1:HOTP-SHA1-6":                       "want OCRA-1:HOTP",
		"OCRA-1:HOTP-SHA1-6:QN08:QN08":             "want OCRA-1:HOTP",
		"OCRA-1:TOTP-SHA1-6:QN08":                  "the function",
		"OCRA-1:HOTP-SHA1-6-30:QN08":               "the function",
		"OCRA-1:HOTP-MD5-6:QN08":                   "hash",
		"OCRA-1:HOTP-SHA1-3:QN08":                  "digits",
		"OCRA-1:HOTP-SHA1-10:QN08":                 "digits", // erratum 3730
		"OCRA-1:HOTP-SHA1-+6:QN08":                 "spelled",
		"OCRA-1:HOTP-SHA1-06:QN08":                 "spelled",
		"OCRA-1:HOTP-SHA1-6:":                      "question is missing",
		"OCRA-1:HOTP-SHA1-6:C":                     "question is missing",
		"OCRA-1:HOTP-SHA1-6:C-PSHA1":               "question is missing",
		"OCRA-1:HOTP-SHA1-6:C1-QN08":               "input C",
		"OCRA-1:HOTP-SHA1-6:Q":                     "format",
		"OCRA-1:HOTP-SHA1-6:QX08":                  "format",
		"OCRA-1:HOTP-SHA1-6:QN":                    "from 4 to 64",
		"OCRA-1:HOTP-SHA1-6:QN03":                  "from 4 to 64",
		"OCRA-1:HOTP-SHA1-6:QN65":                  "from 4 to 64",
		"OCRA-1:HOTP-SHA1-4:QH8-S512":              "want 2 digits, as 08", // so in an example of §6.4, against its table 2
		"OCRA-1:HOTP-SHA1-6:QN+8":                  "spelled",
		"OCRA-1:HOTP-SHA1-6:QN08-PSHA3":            "input P",
		"OCRA-1:HOTP-SHA1-6:QN08-S64":              "want 3 digits, as 064",
		"OCRA-1:HOTP-SHA1-6:QN08-S000":             "from 1 to 512",
		"OCRA-1:HOTP-SHA1-6:QN08-S513":             "from 1 to 512",
		"OCRA-1:HOTP-SHA1-6:QN08-T":                "time step",
		"OCRA-1:HOTP-SHA1-6:QN08-T1D":              "time step",
		"OCRA-1:HOTP-SHA1-6:QN08-T0S":              "from 1 to 59",
		"OCRA-1:HOTP-SHA1-6:QN08-T60S":             "from 1 to 59",
		"OCRA-1:HOTP-SHA1-6:QN08-T60M":             "from 1 to 59",
		"OCRA-1:HOTP-SHA1-6:QN08-T0H":              "from 1 to 48", // erratum 3729
		"OCRA-1:HOTP-SHA1-6:QN08-T49H":             "from 1 to 48",
		"OCRA-1:HOTP-SHA1-6:QN08-T01M":             "spelled",
		"OCRA-1:HOTP-SHA1-6:QN08-C":                "in this order",
		"OCRA-1:HOTP-SHA1-6:QN08-T1M-S064":         "in this order",
		"OCRA-1:HOTP-SHA1-6:QN08-QN08":             "in this order",
		"OCRA-1:HOTP-SHA1-6:QN08-":                 "in this order",
		"OCRA-1:HOTP-SHA1-6:QN08-PSHA1-PSHA1":      "in this order",
		"OCRA-1:HOTP-SHA1-6:QN08 ":                 "from 4 to 64",
		"OCRA-1:HOTP-SHA1-6:qn08":                  "question is missing",
		"OCRA-1:HOTP-SHA1-6:C-QN08-T1M-T1M":        "in this order",
		"OCRA-1:HOTP-SHA256-8:QH64-T30s":           "time step",
		"OCRA-1:HOTP-SHA256-8:QH64-T\u0663\u0660S": "from 1 to 59",
	} {
		s, err := oath.ParseSuite(name)
		if !errors.Is(err, oath.ErrSuite) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %+v, %v, want %q", name, s, err, why)
		}
	}
}

func FuzzParseOCRASuite(f *testing.F) {
	for _, v := range vectors.RFC6287() {
		f.Add(v.Suite)
	}
	for _, name := range []string{"OCRA-1:HOTP-SHA256-8:QH64-T30S", "OCRA-1:HOTP-SHA512-0:C-QA10-PSHA512-S512-T48H", "OCRA-1:::", "OCRA-1:HOTP-SHA1-4:QH8-S512"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		s, err := oath.ParseSuite(name)
		if err != nil {
			return
		}
		if s.String() != name {
			t.Errorf("%q is read as %s", name, s)
		}
		if s.Enrollable() == nil && s.Importable() != nil {
			t.Errorf("%s can be enrolled, and not imported", s)
		}
	})
}

func ocra(t testing.TB, name string) oath.Suite {
	t.Helper()
	s, err := oath.ParseSuite(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The inputs stand where RFC 6287 §5.1 has them.
func TestDataInput(t *testing.T) {
	const name = "OCRA-1:HOTP-SHA1-6:C-QN08-PSHA1-S004-T1H"
	pin := bytes.Repeat([]byte{0xab}, 20)
	in := oath.Input{Counter: 7, Questions: []string{"00000018"}, PIN: pin, Session: []byte("ab"), Step: 9}
	got, err := ocra(t, name).DataInput(in)
	want := name + "\x00" + "\x00\x00\x00\x00\x00\x00\x00\x07" + "\x12" + strings.Repeat("\x00", 127) + string(pin) +
		"\x00\x00ab" + "\x00\x00\x00\x00\x00\x00\x00\x09"
	if err != nil || string(got) != want {
		t.Errorf("have %x, %v\nwant %x", got, err, want)
	}
}

// Questions become 128 bytes: numbers as hexadecimal digits, all padded on the right.
func TestQuestionsInTheDataInput(t *testing.T) {
	for _, c := range []struct {
		inputs    string
		questions []string
		want      string // hexadecimal, without the zeros at its end
	}{
		{"QN08", []string{"12345678"}, "bc614e"},
		{"QN08", []string{"00000000"}, ""},
		{"QN08", []string{"00000002"}, "2"}, // one digit: the left half of a byte
		{"QN08", []string{"12345678", "00000001"}, "462d5372b8e01"},
		{"QH08", []string{"aBc"}, "abc"},
		{"QA08", []string{"Ab1", "z"}, "4162317a"},
		{"QN64", []string{strings.Repeat("9", 64), strings.Repeat("9", 64)}, ""},
	} {
		s := ocra(t, "OCRA-1:HOTP-SHA1-6:"+c.inputs)
		data, err := s.DataInput(oath.Input{Questions: c.questions})
		if err != nil || len(data) != len(s.String())+1+128 {
			t.Errorf("%s %v: %d bytes, %v", c.inputs, c.questions, len(data), err)
			continue
		}
		if got := strings.TrimRight(hex.EncodeToString(data[len(s.String())+1:]), "0"); c.want != "" && got != c.want {
			t.Errorf("%s %v: %s, want %s", c.inputs, c.questions, got, c.want)
		}
	}
}

func TestInputsThatTheSuiteDoesNotTake(t *testing.T) {
	hash := make([]byte, 20)
	for name, c := range map[string]struct {
		suite string
		in    oath.Input
	}{
		"no question":              {"QN08", oath.Input{}},
		"three questions":          {"QN08", oath.Input{Questions: []string{"1", "2", "3"}}},
		"an empty question":        {"QN08", oath.Input{Questions: []string{""}}},
		"a question too long":      {"QN08", oath.Input{Questions: []string{"123456789"}}},
		"letters in a number":      {"QN08", oath.Input{Questions: []string{"1234567a"}}},
		"a sign":                   {"QN08", oath.Input{Questions: []string{"-1"}}},
		"g in hexadecimal":         {"QH08", oath.Input{Questions: []string{"0g"}}},
		"a space":                  {"QA08", oath.Input{Questions: []string{"a b"}}},
		"a letter of another kind": {"QA08", oath.Input{Questions: []string{"é"}}},
		"a PIN too much":           {"QN08", oath.Input{Questions: []string{"1"}, PIN: hash}},
		"a PIN missing":            {"QN08-PSHA1", oath.Input{Questions: []string{"1"}}},
		"a PIN instead of a hash":  {"QN08-PSHA1", oath.Input{Questions: []string{"1"}, PIN: []byte("1234")}},
		"a session too much":       {"QN08", oath.Input{Questions: []string{"1"}, Session: []byte("x")}},
		"a session missing":        {"QN08-S064", oath.Input{Questions: []string{"1"}}},
		"a session too long":       {"QN08-S064", oath.Input{Questions: []string{"1"}, Session: make([]byte, 65)}},
	} {
		s := ocra(t, "OCRA-1:HOTP-SHA1-6:"+c.suite)
		if got, err := s.Response(keyed(s.Hash, seed(20)), c.in); !errors.Is(err, oath.ErrInput) {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
}

// A suite that truncates to 0 digits gives the whole HMAC (§5.2; the RFC's code cannot, erratum 5625).
func TestWithoutTruncation(t *testing.T) {
	s := ocra(t, "OCRA-1:HOTP-SHA256-0:QN08")
	mac := keyed(s.Hash, seed(32))
	in := oath.Input{Questions: []string{"12345678"}}
	data, err := s.DataInput(in)
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := mac(data)
	got, err := s.Response(mac, in)
	if err != nil || got != hex.EncodeToString(sum) || s.CheckResponse(got) != nil {
		t.Errorf("have %s, %v", got, err)
	}
	for _, text := range []string{"", "123456", strings.ToUpper(got), got + "0", got[1:], got[:63] + "g"} {
		if s.CheckResponse(text) == nil {
			t.Errorf("%q passes for a response", text)
		}
	}
}

func TestResponsesFailClosed(t *testing.T) {
	s, broken := ocra(t, "OCRA-1:HOTP-SHA256-8:QN08"), errors.New("the HSM is away")
	in := oath.Input{Questions: []string{"1"}}
	if _, err := s.Response(func([]byte) ([]byte, error) { return nil, broken }, in); !errors.Is(err, broken) {
		t.Errorf("have %v", err)
	}
	if _, err := s.Response(func([]byte) ([]byte, error) { return make([]byte, 20), nil }, in); err == nil {
		t.Error("a MAC of another hash is taken")
	}
	if _, err := s.At(keyed(s.Hash, seed(32)), 0); !errors.Is(err, oath.ErrSuite) {
		t.Errorf("a response without a question: %v", err)
	}
	if _, err := (oath.Suite{Kind: oath.KindHOTP, Hash: crypto.SHA1, Digits: 6}).Response(keyed(crypto.SHA1, seed(20)), in); !errors.Is(err, oath.ErrSuite) {
		t.Errorf("HOTP answers a question: %v", err)
	}
}

// A drawn question has full length and passes its own check; so do both sides' together.
func TestDrawnQuestionsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := ocraSuites().Draw(t, "suite")
		q := s.Inputs.Question
		source := bytes.NewReader(rapid.SliceOfN(rapid.ByteMax(200), 4096, 4096).Draw(t, "random"))
		text, err := q.Draw(source)
		if err != nil || len(text) != q.Length || q.Check(text) != nil {
			t.Fatalf("%+v: %q, %v", q, text, err)
		}
		in := oath.Input{Questions: []string{text, text}, Session: make([]byte, s.Inputs.Session)}
		if _, err := s.Server().DataInput(in); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	})
}

func TestSuitesThatAreNotTaken(t *testing.T) {
	for name, c := range map[string]struct{ imported, enrolled bool }{
		"HOTP-SHA256-6":                        {true, true},
		"OCRA-1:HOTP-SHA256-8:QH64-T30S":       {true, true},
		"OCRA-1:HOTP-SHA256-8:C-QN08":          {true, true},
		"OCRA-1:HOTP-SHA256-6:QN06-T30S":       {true, true},
		"OCRA-1:HOTP-SHA1-6:QN08":              {true, false}, // nothing moves
		"OCRA-1:HOTP-SHA1-6:QN07":              {false, false},
		"OCRA-1:HOTP-SHA1-4:QH06":              {false, false}, // 16^6 < 10^8
		"OCRA-1:HOTP-SHA1-6:QH07":              {true, false},
		"OCRA-1:HOTP-SHA1-5:QA05":              {false, false}, // 36^5 < 10^8
		"OCRA-1:HOTP-SHA1-6:QA06":              {true, false},
		"OCRA-1:HOTP-SHA1-8:C-QN07":            {false, false}, // IC4
		"OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1":    {true, false},
		"OCRA-1:HOTP-SHA256-4:C-QN08":          {true, false},
		"OCRA-1:HOTP-SHA256-9:C-QN09":          {true, false},
		"OCRA-1:HOTP-SHA256-0:C-QN08":          {true, false},
		"OCRA-1:HOTP-SHA256-8:C-QA10-S064-T1M": {true, true},
	} {
		s := ocra(t, name)
		if err := s.Importable(); c.imported != (err == nil) || err != nil && !errors.Is(err, oath.ErrUnfit) {
			t.Errorf("%s imported: %v", name, err)
		}
		if err := s.Enrollable(); c.enrolled != (err == nil) || err != nil && !errors.Is(err, oath.ErrUnfit) {
			t.Errorf("%s enrolled: %v", name, err)
		}
	}
}
