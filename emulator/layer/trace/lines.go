package trace

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// MaxLine is the longest line that Read takes, bytes: a record is some hundreds.
const MaxLine = 1 << 20

// MaxTook is the longest call that Read takes: one that waits for a slot's event lasts as long
// as its program, and a year is more than any has run.
const MaxTook = 365 * 24 * time.Hour

// Writer gives a sink for New that writes each record as a line of JSON, in one piece:
// processes that append to the same file do not mix their lines.
func Writer(w io.Writer) func(Record) {
	var mu sync.Mutex
	lines := json.NewEncoder(w)
	return func(r Record) {
		mu.Lock()
		defer mu.Unlock()
		_ = lines.Encode(r) // a full disk must not stop the program that is traced
	}
}

// Read gives the records that a Writer has written. It ends at the first line that is
// none, with an error that has the line's number.
func Read(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, MaxLine)
		n := 0
		for lines.Scan() {
			n++
			rec, err := Parse(lines.Bytes())
			if err != nil {
				yield(Record{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(rec, nil) {
				return
			}
		}
		if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
			yield(Record{}, fmt.Errorf("line %d: longer than %d bytes", n+1, MaxLine))
		} else if err != nil {
			yield(Record{}, fmt.Errorf("line %d: %w", n+1, err))
		}
	}
}

// Parse reads one line of a Writer.
func Parse(line []byte) (Record, error) {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var r Record
	if err := d.Decode(&r); errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return Record{}, errors.New("is cut off")
	} else if err != nil {
		return Record{}, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("more than one record")
	}
	return r, r.check()
}

// check refuses what no Writer writes, above all what a terminal would obey.
func (r Record) check() error {
	if _, ok := cryptoki.FunctionNamed(r.Function); !ok {
		return fmt.Errorf("no function is called %q", r.Function)
	}
	switch {
	case r.At.IsZero():
		return errors.New("a record without its time")
	case r.Took < 0 || r.Took > MaxTook:
		return fmt.Errorf("a call that took %v", r.Took)
	case r.Return == "":
		return errors.New("a record without its return value")
	}
	words := append([]string{r.Slot, r.Mechanism, r.Return}, r.Labels...)
	for _, a := range r.Template {
		words = append(words, a.Name, a.Value)
	}
	for _, w := range words {
		if strings.ContainsFunc(w, func(c rune) bool { return !unicode.IsPrint(c) }) {
			return fmt.Errorf("%q cannot be printed", w)
		}
	}
	return nil
}
