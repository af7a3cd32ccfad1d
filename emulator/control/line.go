package control

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// lineSize is what a reader of lines begins with: no record and no key is longer.
const lineSize = 64 << 10

func lines(r io.Reader) *bufio.Scanner {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, lineSize), MaxLine)
	s.Split(whole)
	return s
}

// whole splits into lines. What has no end was cut off, as its sender was killed: it is none.
func whole(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if atEOF && bytes.IndexByte(data, '\n') < 0 {
		return len(data), nil, nil
	}
	return bufio.ScanLines(data, atEOF)
}

// next reads a line into v, which has no key that v has not, and wipes it.
func next(s *bufio.Scanner, v any) error {
	if !s.Scan() {
		if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
			return fmt.Errorf("%w: a line of more than %d bytes", ErrRequest, MaxLine)
		} else if err != nil {
			return err
		}
		return io.EOF
	}
	defer clear(s.Bytes())
	return parse(s.Bytes(), v)
}

// helloLine is the first line of each side.
type helloLine struct {
	Hello   string   `json:"hello,omitempty"`
	PID     int      `json:"pid,omitempty"`     // of the emulator
	Needles bool     `json:"needles,omitempty"` // the emulator's file allows them
	Error   *failure `json:"error,omitempty"`   // in the place of all this
}

// greeting reads the first line. What cannot be read is of another version.
func greeting(in *bufio.Scanner) (h helloLine, err error) {
	err = next(in, &h)
	if errors.Is(err, ErrRequest) {
		return h, fmt.Errorf("%w: %v", ErrVersion, err)
	}
	if err != nil {
		return h, err
	}
	return h, h.check()
}

func (h helloLine) check() error {
	switch {
	case h.Error != nil:
		return h.Error.err()
	case h.Hello != Version:
		return fmt.Errorf("%w: %.40q, and not %q", ErrVersion, h.Hello, Version)
	}
	return nil
}

// request is a line of the bench.
type request struct {
	Do       string `json:"do"`
	Scenario string `json:"scenario,omitempty"` // of play and hold: its name
	YAML     string `json:"yaml,omitempty"`     // of play and hold: or all of it
	Seed     uint64 `json:"seed,omitempty"`     // of hold
}

func (r request) check() error {
	play := r.Do == "play" || r.Do == "hold"
	switch {
	case requests[r.Do] == nil:
		return fmt.Errorf("%w: do %.40q", ErrRequest, r.Do)
	case play && (r.Scenario == "") == (r.YAML == ""):
		return fmt.Errorf("%w: %s wants scenario or yaml", ErrRequest, r.Do)
	case !play && (r.Scenario != "" || r.YAML != ""):
		return fmt.Errorf("%w: only play and hold have a scenario", ErrRequest)
	case r.Do != "hold" && r.Seed != 0:
		return fmt.Errorf("%w: only hold has a seed", ErrRequest)
	}
	return nil
}

// reply is a line of the emulator: one of an answer, an error, an event.
type reply struct {
	Done   string          `json:"done,omitempty"`  // the request that is answered
	Fired  *int            `json:"fired,omitempty"` // of the request fired, and of the end of hold
	Error  *failure        `json:"error,omitempty"`
	Record json.RawMessage `json:"record,omitempty"`
	Needle *needleLine     `json:"needle,omitempty"`
	Lost   *Lost           `json:"lost,omitempty"`
}

// needleLine is a needle on the wire.
type needleLine struct {
	From  string `json:"from"`
	Key   uint   `json:"key"`
	Value string `json:"value"` // in hex
}

// record reads the record of an event.
func (r reply) record() (trace.Record, error) {
	rec, err := trace.Parse(r.Record)
	if err != nil {
		return rec, fmt.Errorf("record: %w", err)
	}
	return rec, nil
}

// needle reads the needle of an event.
func (n needleLine) needle() (needle.Needle, error) {
	value, err := hex.DecodeString(n.Value)
	if err != nil || len(value) < needle.Shortest {
		clear(value)
		return needle.Needle{}, fmt.Errorf("%w: a needle that is none", ErrRequest)
	}
	return needle.Of(n.From, n.Key, value), nil
}

// needleText writes a needle by hand: an encoder would keep the value in its buffers.
func needleText(n needle.Needle) []byte {
	out := make([]byte, 0, 2*len(n.Value())+256)
	out = fmt.Appendf(out, `{"needle":{"from":%q,"key":%d,"value":"`, n.From, n.Key)
	out = hex.AppendEncode(out, n.Value())
	return append(out, "\"}}\n"...)
}
