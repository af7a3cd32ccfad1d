// Package trace writes down the calls that a program makes to its PKCS#11 token:
// function, mechanism, handles, attribute names, lengths, result, time. What a key,
// a PIN or a message is never enters a record.
//
// Start at New. A Recorder keeps the records in memory for a suite to look at.
package trace

import (
	"sync"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Record is one call.
type Record struct {
	At        time.Time
	Slot      string `json:",omitempty"` // the name that New was given
	Took      time.Duration
	Function  string      // "C_UnwrapKey"
	Session   uint        `json:",omitempty"`
	Mechanism string      `json:",omitempty"` // "CKM_AES_KEY_WRAP"
	Objects   []uint      `json:",omitempty"` // handles given: key; wrapping key and key
	Made      []uint      `json:",omitempty"` // handles returned
	Labels    []string    `json:",omitempty"` // of Objects, then of Made; "" where none is known
	Template  []Attribute `json:",omitempty"`
	In, Out   []int       `json:",omitempty"` // lengths in bytes
	Return    string      // "CKR_OK"
}

// Attribute is one attribute of a template.
type Attribute struct {
	Name  string
	Len   int    // bytes
	Value string `json:",omitempty"` // only of attributes that say nothing about a key's value
}

// New records every call to next in sink, after it returned, under a name of the
// caller's choice. sink is called from the goroutine of the call.
func New(name string, next cryptoki.Module, sink func(Record)) cryptoki.Module {
	return With(next, Options{Slot: name}, sink)
}

// Options of With.
type Options struct {
	Slot   string      // of the records
	Labels bool        // records tell what their objects are called
	Wanted func() bool // nil: always; otherwise a record is made when it says so
}

// With is New with more to choose.
func With(next cryptoki.Module, o Options, sink func(Record)) cryptoki.Extended {
	var known *labels
	if o.Labels {
		known = newLabels()
	}
	return cryptoki.Around(next, func(c *cryptoki.Call) error {
		if o.Wanted != nil && !o.Wanted() {
			err := c.Next()
			known.see(c, err)
			return err
		}
		start := time.Now()
		err := c.Next()
		r := record(c, err)
		r.Slot, r.At, r.Took, r.Labels = o.Slot, start, time.Since(start), known.see(c, err)
		sink(r)
		return err
	})
}

func record(c *cryptoki.Call, err error) Record {
	r := Record{
		Function: c.Function.String(),
		Session:  uint(c.Session),
		Objects:  handles(c.Object, c.Object2),
		Made:     handles(c.Made, c.Made2),
		In:       lengths(c.In, c.In2),
		Out:      lengths(c.Out),
		Return:   cryptoki.ReturnName(err),
	}
	if len(c.Mechanism) == 1 && c.Mechanism[0] != nil {
		r.Mechanism = cryptoki.MechanismName(c.Mechanism[0].Mechanism)
	}
	r.Template = append(attributes(c.Template), attributes(c.Template2)...)
	return r
}

func handles(hs ...pkcs11.ObjectHandle) []uint {
	var out []uint
	for _, h := range hs {
		if h != 0 {
			out = append(out, uint(h))
		}
	}
	return out
}

func lengths(bs ...[]byte) []int {
	var out []int
	for _, b := range bs {
		if b != nil {
			out = append(out, len(b))
		}
	}
	return out
}

// Recorder keeps records in memory. The zero Recorder is ready; its methods may
// be called from many goroutines.
type Recorder struct {
	mu      sync.Mutex
	records []Record
}

// Add is the sink for New.
func (r *Recorder) Add(rec Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, rec)
}

// Mark gives the place after the newest record, for Since.
func (r *Recorder) Mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.records)
}

// Since gives the records from mark on.
func (r *Recorder) Since(mark int) []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Record(nil), r.records[mark:]...)
}
