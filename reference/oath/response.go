package oath

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// ErrInput is what a suite cannot compute with.
var ErrInput = errors.New("not an input of the suite")

// Input is what one response is computed from, beside the key. What the suite does not
// ask for stays empty; a counter and a step are then not looked at.
type Input struct {
	Counter uint64
	// Questions are one, or in the mutual modes two: the other party's, then one's own
	// (RFC 6287 §5.1). Two are one text: the numbers of a numeric suite are converted together.
	Questions []string
	PIN       []byte // its hash (erratum 3900)
	Session   []byte // UTF-8; a shorter one is padded with zeros on the left (Appendix A)
	Step      uint64 // Suite.Step of the time
}

// Response is the OCRA value (RFC 6287 §5): Digits decimal digits, or the whole HMAC in
// lower-case hexadecimal where the suite truncates to 0. The reference code of the RFC
// cannot do the latter (erratum 5625).
func (s Suite) Response(mac MAC, in Input) (string, error) {
	data, err := s.DataInput(in)
	if err != nil {
		return "", err
	}
	defer clear(data)
	sum, err := mac(data)
	if err != nil {
		return "", fmt.Errorf("HMAC of the data input: %w", err)
	}
	defer clear(sum)
	if len(sum) != s.Hash.Size() {
		return "", fmt.Errorf("the MAC has %d bytes, want %d", len(sum), s.Hash.Size())
	}
	if s.Digits == 0 {
		return hex.EncodeToString(sum), nil
	}
	return decimal(sum, s.Digits)
}

// DataInput is what the HMAC covers: the suite's name, a zero, then C, Q, P, S and T as far
// as the suite has them (RFC 6287 §5.1). The caller clears it where there is a PIN.
func (s Suite) DataInput(in Input) ([]byte, error) {
	if err := s.checkInput(in); err != nil {
		return nil, err
	}
	data := append([]byte(s.String()), 0)
	if s.Inputs.Counter {
		data = binary.BigEndian.AppendUint64(data, in.Counter)
	}
	data = append(data, s.Inputs.Question.Encode(in.Questions...)...)
	data = append(data, in.PIN...)
	data = append(data, make([]byte, s.Inputs.Session-len(in.Session))...)
	data = append(data, in.Session...)
	if s.Period > 0 {
		data = binary.BigEndian.AppendUint64(data, in.Step)
	}
	return data, nil
}

func (s Suite) checkInput(in Input) error {
	if s.Kind != KindOCRA {
		return fmt.Errorf("%w: %s answers no questions", ErrSuite, s)
	}
	if len(in.Questions) < 1 || len(in.Questions) > 2 {
		return fmt.Errorf("%w: want one question, or two", ErrInput)
	}
	for _, q := range in.Questions {
		if err := s.Inputs.Question.Check(q); err != nil {
			return err
		}
	}
	return errors.Join(s.checkPIN(in.PIN), s.CheckSession(in.Session))
}

func (s Suite) checkPIN(hash []byte) error {
	want := 0
	if s.Inputs.PIN != 0 {
		want = s.Inputs.PIN.Size()
	}
	if len(hash) != want {
		return fmt.Errorf("%w: hash of the PIN: want %d bytes", ErrInput, want)
	}
	return nil
}

// CheckSession says whether the suite computes with this session information: some, where
// it has a place for it, and none where it has not. ErrInput if not.
func (s Suite) CheckSession(session []byte) error {
	if (len(session) == 0) != (s.Inputs.Session == 0) || len(session) > s.Inputs.Session {
		return fmt.Errorf("%w: session information: want up to %d bytes", ErrInput, s.Inputs.Session)
	}
	return nil
}

// CheckResponse refuses all texts that cannot be a response of the suite, with ErrOTP.
func (s Suite) CheckResponse(text string) error {
	if s.Digits > 0 {
		return CheckOTP(text, s.Digits)
	}
	if len(text) != 2*s.Hash.Size() || strings.Trim(text, digits+lowHex) != "" {
		return fmt.Errorf("%w: want %d hexadecimal digits", ErrOTP, 2*s.Hash.Size())
	}
	return nil
}

// Server is the suite of the server's own response in the mutual modes: the same without
// a PIN, which a server does not type (RFC 6287 §7.2).
func (s Suite) Server() Suite {
	s.Inputs.PIN = 0
	return s
}
