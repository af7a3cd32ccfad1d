package run

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/epsbench/epsbench/conformance"
)

// Job is what a child is asked to do: one family on one target. It is the first
// line of the child's standard input, which then stays open: its end tells the
// child that the parent is gone or wants it to stop.
type Job struct {
	Name    string  `json:"name"` // of the log file; unique in a run
	Family  string  `json:"family"`
	Target  string  `json:"target"`
	Filter  string  `json:"filter,omitempty"` // label expression over claim ids and the family's name
	Claims  int     `json:"claims"`           // that the filter selects: for a progress display
	Options Options `json:"options"`
	About   string  `json:"-"` // what the family is about
	Long    int     `json:"-"` // those that take longest begin first
	Again   bool    `json:"-"` // a second run, of a mutant that survived the first
}

// Record is one line on the child's file descriptor 3: exactly one field is set.
type Record struct {
	Opened   *conformance.Identity `json:"opened,omitempty"`   // the target runs
	Unusable *Unusable             `json:"unusable,omitempty"` // it does not; last
	Result   *conformance.Result   `json:"result,omitempty"`
	End      *End                  `json:"end,omitempty"` // last: the family was run to its end
}

// Unusable says why a target could not be opened.
type Unusable struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// End is the last record of a child that came to its end.
type End struct {
	Results int    `json:"results"`         // that were written
	Error   string `json:"error,omitempty"` // the family was not run, or not all of it
}

// Limits of a line on either pipe.
const (
	maxJob    = 1 << 20
	maxRecord = 16 << 20
)

var (
	errJob    = errors.New("not a job")
	errRecord = errors.New("not a record")
)

// decode reads one JSON value strictly: no unknown field, nothing behind it.
func decode(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}

// readJob reads the first line of in.
func readJob(in *bufio.Reader) (Job, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > maxJob {
			return Job{}, fmt.Errorf("%w: longer than %d bytes", errJob, maxJob)
		}
		line = append(line, part...)
		if err == nil {
			break
		}
		if err != bufio.ErrBufferFull {
			return Job{}, fmt.Errorf("%w: %w", errJob, err)
		}
	}
	var j Job
	if err := decode(line, &j); err != nil {
		return Job{}, fmt.Errorf("%w: %w", errJob, err)
	}
	return j, nil
}

// parseRecord reads one line of a child.
func parseRecord(line []byte) (Record, error) {
	var r Record
	if err := decode(line, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", errRecord, err)
	}
	set := 0
	for _, there := range []bool{r.Opened != nil, r.Unusable != nil, r.Result != nil, r.End != nil} {
		if there {
			set++
		}
	}
	if set != 1 {
		return Record{}, fmt.Errorf("%w: %d fields are set", errRecord, set)
	}
	return r, nil
}

// readRecords calls on for each line until in ends, or until a deadline that is set
// when the child has ended.
func readRecords(in io.Reader, on func(Record)) error {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 0, 64<<10), maxRecord)
	for s.Scan() {
		r, err := parseRecord(s.Bytes())
		if err != nil {
			return err
		}
		on(r)
	}
	if err := s.Err(); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
