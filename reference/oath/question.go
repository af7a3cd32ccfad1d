package oath

import (
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"strings"

	"github.com/epsbench/epsbench/reference"
)

// Format is what the characters of a question may be (RFC 6287 §6.3, table 2).
type Format byte

const (
	Alphanumeric Format = 'A' // ASCII letters and digits
	Numeric      Format = 'N'
	Hexadecimal  Format = 'H' // in either case
)

const formats = "ANH"

const (
	digits     = "0123456789"
	capitals   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	hexDigits  = digits + "ABCDEF"
	lowHex     = "abcdef"
	lowLetters = "abcdefghijklmnopqrstuvwxyz"
)

// drawn are the characters of the questions that are drawn; all that a question may
// have are allowed.
var drawn = map[Format]string{Alphanumeric: digits + capitals, Numeric: digits, Hexadecimal: hexDigits}

var allowed = map[Format]string{Alphanumeric: digits + capitals + lowLetters, Numeric: digits, Hexadecimal: hexDigits + lowHex}

// Question is what a suite asks with: a challenge of up to Length characters.
type Question struct {
	Format Format
	Length int
}

// Check says whether text can be asked. ErrInput if not.
func (q Question) Check(text string) error {
	if text == "" || len(text) > q.Length || strings.Trim(text, allowed[q.Format]) != "" {
		return fmt.Errorf("%w: question: want 1 to %d characters of format %c", ErrInput, q.Length, q.Format)
	}
	return nil
}

// Draw gives a question of full length, each as likely as any other.
func (q Question) Draw(random io.Reader) (string, error) {
	text, err := reference.Draw(random, drawn[q.Format], q.Length)
	if err != nil {
		return "", fmt.Errorf("draw a question: %w", err)
	}
	return string(text), nil
}

// different says whether there are at least n questions to draw.
func (q Question) different(n int64) bool {
	all := new(big.Int).Exp(big.NewInt(int64(len(drawn[q.Format]))), big.NewInt(int64(q.Length)), nil)
	return all.Cmp(big.NewInt(n)) >= 0
}

// questionSize is that of Q in DataInput, in bytes.
const questionSize = 128

// Encode is Q of the data input: questions that pass Check, as one text, padded with zeros
// on the right. A number is converted as a whole, so that its leading zeros are gone
// (RFC 6287 Appendix B).
func (q Question) Encode(questions ...string) []byte {
	text := strings.Join(questions, "")
	switch q.Format {
	case Numeric:
		n, _ := new(big.Int).SetString(text, 10) // decimal digits, by Check
		text = n.Text(16)
	case Alphanumeric:
		text = hex.EncodeToString([]byte(text))
	}
	encoded, _ := hex.DecodeString(text + strings.Repeat("0", 2*questionSize-len(text))) // hexadecimal, by Check
	return encoded
}
