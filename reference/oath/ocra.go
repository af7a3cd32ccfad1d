package oath

import (
	"crypto"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limits of RFC 6287 §5.2 and §6.3, with errata 3729 (no step of 0 hours) and 3730 (no
// 10 digits: the truncation has 31 bits).
const (
	minQuestion     = 4
	maxQuestion     = 64
	maxSession      = 512
	minOCRADigits   = 4
	maxOCRADigits   = 9
	maxUnit         = 59 // seconds or minutes of a time step
	maxHours        = 48
	ocraVersion     = "OCRA-1"
	secondsPerHour  = int(time.Hour / time.Second)
	secondsPerMin   = int(time.Minute / time.Second)
	sessionDigits   = 3
	questionsDigits = 2
)

// Inputs are what OCRA computes a response from, beside the key and the time.
type Inputs struct {
	Counter  bool
	Question Question
	PIN      crypto.Hash // that the PIN goes in under; zero: no PIN
	Session  int         // bytes of session information; zero: none
}

// parseOCRA reads "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1-S064-T30S" (RFC 6287 §6).
func parseOCRA(name string) (Suite, error) {
	parts := strings.Split(name, ":")
	if len(parts) != 3 || parts[0] != ocraVersion {
		return Suite{}, fmt.Errorf("%w: want %s:HOTP-hash-digits:inputs", ErrSuite, ocraVersion)
	}
	s := Suite{Kind: KindOCRA}
	function := strings.Split(parts[1], "-")
	if len(function) != 3 || function[0] != string(KindHOTP) {
		return Suite{}, fmt.Errorf("%w: want the function as HOTP-hash-digits", ErrSuite)
	}
	var err error
	if s.Hash, err = hashNamed(function[1]); err != nil {
		return Suite{}, fmt.Errorf("%w: %w", ErrSuite, err)
	}
	if s.Digits, err = strconv.Atoi(function[2]); err != nil || !ocraDigits(s.Digits) {
		return Suite{}, fmt.Errorf("%w: digits: want 0, or %d to %d", ErrSuite, minOCRADigits, maxOCRADigits)
	}
	if err := s.parseInputs(strings.Split(parts[2], "-")); err != nil {
		return Suite{}, fmt.Errorf("%w: %w", ErrSuite, err)
	}
	return s, nil
}

func ocraDigits(n int) bool { return n == 0 || minOCRADigits <= n && n <= maxOCRADigits }

// parseInputs takes the inputs one by one, in the order in which they are computed with.
func (s *Suite) parseInputs(fields []string) error {
	for _, input := range []struct {
		letter string
		read   func(*Suite, string) error
	}{
		{"C", (*Suite).readCounter},
		{"Q", (*Suite).readQuestion},
		{"P", (*Suite).readPIN},
		{"S", (*Suite).readSession},
		{"T", (*Suite).readStep},
	} {
		if len(fields) == 0 {
			break
		}
		text, is := strings.CutPrefix(fields[0], input.letter)
		if !is {
			continue
		}
		if err := input.read(s, text); err != nil {
			return fmt.Errorf("input %s: %w", input.letter, err)
		}
		fields = fields[1:]
	}
	switch {
	case s.Inputs.Question == Question{}:
		return fmt.Errorf("inputs: the question is missing: want one as Q, its format and its length, QN08")
	case len(fields) > 0:
		return fmt.Errorf("inputs: want C, Q, P, S and T in this order, each once, with hyphens between")
	}
	return nil
}

func (s *Suite) readCounter(text string) error {
	s.Inputs.Counter = true
	if text != "" {
		return fmt.Errorf("nothing may follow the letter")
	}
	return nil
}

func (s *Suite) readQuestion(text string) error {
	if text == "" || !strings.Contains(formats, text[:1]) {
		return fmt.Errorf("format: want A, N or H")
	}
	length, err := spelled(text[1:], questionsDigits, minQuestion, maxQuestion)
	s.Inputs.Question = Question{Format(text[0]), length}
	return err
}

func (s *Suite) readPIN(text string) (err error) {
	s.Inputs.PIN, err = hashNamed(text)
	return err
}

func (s *Suite) readSession(text string) (err error) {
	s.Inputs.Session, err = spelled(text, sessionDigits, 1, maxSession)
	return err
}

// units of a time step. Each step has one spelling: 60 seconds are a minute.
var units = []struct {
	letter  string
	seconds int
	most    int
}{
	{"S", 1, maxUnit},
	{"M", secondsPerMin, maxUnit},
	{"H", secondsPerHour, maxHours},
}

func (s *Suite) readStep(text string) error {
	for _, u := range units {
		n, is := strings.CutSuffix(text, u.letter)
		if !is {
			continue
		}
		step, err := number(n, 1, u.most)
		s.Period = time.Duration(step*u.seconds) * time.Second
		return err
	}
	return fmt.Errorf("want a time step in S, M or H")
}

// spelled reads a number of exactly so many digits.
func spelled(text string, digits, min, max int) (int, error) {
	n, err := number(text, min, max)
	if err == nil && len(text) != digits {
		err = fmt.Errorf("want %d digits, as %0*d", digits, digits, n)
	}
	return n, err
}

// inputs spells what parseInputs reads.
func (s Suite) inputs() string {
	var fields []string
	if s.Inputs.Counter {
		fields = append(fields, "C")
	}
	q := s.Inputs.Question
	fields = append(fields, fmt.Sprintf("Q%c%0*d", q.Format, questionsDigits, q.Length))
	if s.Inputs.PIN != 0 {
		fields = append(fields, "P"+hashName(s.Inputs.PIN))
	}
	if s.Inputs.Session > 0 {
		fields = append(fields, fmt.Sprintf("S%0*d", sessionDigits, s.Inputs.Session))
	}
	if s.Period > 0 {
		fields = append(fields, "T"+step(s.Period))
	}
	return strings.Join(fields, "-")
}

// step spells a period in the largest unit that divides it.
func step(period time.Duration) string {
	seconds, text := int(period/time.Second), ""
	for _, u := range units {
		if seconds%u.seconds == 0 {
			text = strconv.Itoa(seconds/u.seconds) + u.letter
		}
	}
	return text
}
