// Package control is the wire between an emulator in somebody else's process and the bench:
// a Unix socket on which the emulator tells the calls that it gets and the clear values of
// keys, and takes plans of faults.
//
// Start at New on the side of the emulator, and at Dial on the side of the bench. Both ends
// are of one version of this program. A connection begins with a line from each side that
// says so; then every line of the bench is a request, which is answered by a line in its
// turn. Lines are JSON objects; what a side does not know it refuses. What is held is played
// until its connection ends; the last line then tells how many calls it has struck.
//
//	emulator  {"hello":"epsbench.control/1","pid":812,"needles":false}
//	bench     {"hello":"epsbench.control/1"}
//	bench     {"do":"play","scenario":"failover"}
//	emulator  {"done":"play"}
//	bench     {"do":"hold","scenario":"failover","seed":7}
//	emulator  {"done":"hold"}
//	bench     {"do":"records"}
//	emulator  {"done":"records"}
//	emulator  {"record":{"At":"…","Function":"C_Sign",…}}
//	emulator  {"lost":{"records":3,"needles":0}}
//	emulator  {"done":"hold","fired":2}
//	emulator  {"error":{"code":"scenario","text":"no such fault scenario"}}
//
// Who may connect is decided by the kernel's word on the peer's uid: that of the emulator
// itself, and those that its file lists.
package control

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Version is what both sides say first.
const Version = "epsbench.control/1"

// MaxLine is the longest line that either side takes, in bytes.
const MaxLine = 2 << 20

// What a side is refused for. errors.Is finds them through what Dial and a Client return.
var (
	ErrVersion  = errors.New("the other side speaks another version")
	ErrPeer     = errors.New("this uid is not listed in the emulator's file")
	ErrBusy     = errors.New("too many connections")
	ErrNeedles  = errors.New("needles are off: the emulator's file must say unsafe_needles: true")
	ErrScenario = errors.New("no scenario that can be played")
	ErrRequest  = errors.New("no request of this protocol")
)

// codes are the words for errors on the wire.
var codes = map[string]error{
	"version": ErrVersion, "peer": ErrPeer, "busy": ErrBusy, "needles": ErrNeedles, "scenario": ErrScenario, "request": ErrRequest,
}

// failure is an error on the wire.
type failure struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// fail puts an error, which wraps one of codes, on the wire.
func fail(err error) *failure {
	for code, known := range codes {
		if errors.Is(err, known) {
			return &failure{code, err.Error()}
		}
	}
	return &failure{"request", err.Error()}
}

// err takes it off again.
func (f *failure) err() error {
	known, ok := codes[f.Code]
	if !ok {
		return fmt.Errorf("%w: error %q", ErrVersion, f.Code)
	}
	return &refusal{known, strings.Map(printable, f.Text)}
}

// printable keeps what a terminal would obey out of an error that somebody else has written.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return '?'
}

// refusal is an error that the other side has put into words.
type refusal struct {
	known error
	text  string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.known }

// Lost counts what a bench that reads too slowly did not get.
type Lost struct {
	Records uint64 `json:"records"`
	Needles uint64 `json:"needles"`
}

func (l Lost) add(m Lost) Lost { return Lost{l.Records + m.Records, l.Needles + m.Needles} }
