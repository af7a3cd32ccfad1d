package conformance

import "context"

// Promise is something that the module of a target is said to do, as somebody outside can
// see it: the probe of this name then observes this.
type Promise struct {
	ID         string // "luna-7/unwrap-length"
	Text       string
	Source     string
	Confidence string // measured, documented or inferred
	Probe      string
	Observed   string // "CKR_ATTRIBUTE_TYPE_INVALID"
}

// Promiser is a ModuleHolder whose HSM is said to be a certain one.
type Promiser interface {
	// Promises are none where the HSM is what it is.
	Promises() ([]Promise, error)
}

// Strategy is how an operation of an EPS is done on a module.
type Strategy struct {
	Operation string
	Strategy  string // empty where none works
	Missing   string // why none does
}

// Strategist is a module on which the operations of an EPS can be tried.
type Strategist interface {
	Strategies(ctx context.Context) ([]Strategy, error)
}
