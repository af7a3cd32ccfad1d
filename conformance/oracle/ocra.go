package oracle

import (
	"crypto"
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// OCRA is a suite of RFC 6287 §6.
type OCRA struct {
	Name    string
	Hash    crypto.Hash
	Digits  int // 0: the whole HMAC, in hexadecimal
	Counter bool
	Format  byte // of the question: 'A', 'N' or 'H'
	Length  int  // of the question, at most
	PIN     crypto.Hash
	Session int           // bytes
	Step    time.Duration // 0: without time
}

// ocraText is the grammar of §6 with errata 3729 and 3730.
var ocraText = regexp.MustCompile(`^OCRA-1:HOTP-SHA(1|256|512)-(0|[4-9]):(C-)?Q([ANH])(0[4-9]|[1-5][0-9]|6[0-4])` +
	`(?:-PSHA(1|256|512))?(?:-S([0-9]{3}))?(?:-T([1-9][0-9]?)([SMH]))?$`)

var timeUnits = map[string]struct {
	unit time.Duration
	most int
}{"S": {time.Second, 59}, "M": {time.Minute, 59}, "H": {time.Hour, 48}}

// ParseOCRA reads the name of a suite.
func ParseOCRA(name string) (OCRA, error) {
	m := ocraText.FindStringSubmatch(name)
	if m == nil {
		return OCRA{}, fmt.Errorf("no OCRA suite: %q", name)
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(m[i]) // digits, by the pattern, or none
		return n
	}
	o := OCRA{
		Name: name, Hash: suiteHashes[m[1]], Digits: number(2), Counter: m[3] != "",
		Format: m[4][0], Length: number(5), PIN: suiteHashes[m[6]], Session: number(7),
	}
	unit := timeUnits[m[9]]
	o.Step = time.Duration(number(8)) * unit.unit
	if m[7] == "000" || o.Session > 512 || number(8) > unit.most {
		return OCRA{}, fmt.Errorf("no OCRA suite: %q", name)
	}
	return o, nil
}

// OCRAInput is what a response is computed from beside the key.
type OCRAInput struct {
	Counter  uint64
	Question string // of the mutual modes: theirs and one's own, as one text
	PINHash  []byte
	Session  string
	Moving   uint64 // OCRA.Moving of the time
}

// Moving is the number of time steps at t.
func (o OCRA) Moving(t time.Time) uint64 {
	if o.Step == 0 {
		return 0
	}
	return uint64(t.Unix()) / uint64(o.Step/time.Second)
}

// Data is the DataInput of §5.1: the name, 00, and C, Q, P, S, T as the suite has them.
func (o OCRA) Data(in OCRAInput) []byte {
	text := fmt.Sprintf("%x00", o.Name)
	if o.Counter {
		text += fmt.Sprintf("%016x", in.Counter)
	}
	text += padRight(o.question(in.Question), 256)
	if o.PIN != 0 {
		text += fmt.Sprintf("%x", in.PINHash)
	}
	if o.Session > 0 {
		text += fmt.Sprintf("%0*x", 2*o.Session, in.Session)
	}
	if o.Step > 0 {
		text += fmt.Sprintf("%016x", in.Moving)
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(fmt.Sprintf("%q is no question of %s", in.Question, o.Name)) // the bench asks what the suite takes
	}
	return data
}

// question in hexadecimal digits: a number is converted, text is spelt by its bytes.
func (o OCRA) question(text string) string {
	switch o.Format {
	case 'H':
		return text
	case 'A':
		return hex.EncodeToString([]byte(text))
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return text
	}
	return fmt.Sprintf("%x", n)
}

func padRight(text string, n int) string { return text + strings.Repeat("0", max(0, n-len(text))) }

// Response is the OCRA value of §5 under a key.
func (o OCRA) Response(key []byte, in OCRAInput) string {
	mac := hmac.New(o.Hash.New, key)
	mac.Write(o.Data(in))
	sum := mac.Sum(nil)
	if o.Digits == 0 {
		return hex.EncodeToString(sum)
	}
	return Truncate(sum, o.Digits)
}
