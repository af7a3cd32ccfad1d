package run

import (
	"errors"

	"github.com/epsbench/epsbench/reference"
)

// UsageError: the command line asks for something that does not exist. Exit code 2.
type UsageError struct{ What, Mend string }

func (e *UsageError) Error() string { return e.What }

// Hint says how to mend it.
func (e *UsageError) Hint() string { return e.Mend }

// UnusableError: the target could not be opened, so nothing was judged. Exit code 4.
type UnusableError struct{ What, Mend string }

func (e *UnusableError) Error() string { return e.What }

// Hint says how to mend it, where the target knows.
func (e *UnusableError) Hint() string { return e.Mend }

// unusable keeps the hint of err.
func unusable(err error) *UnusableError {
	return &UnusableError{What: err.Error(), Mend: HintOf(err)}
}

// HintOf finds what err advises, or nothing.
func HintOf(err error) string {
	var own interface{ Hint() string }
	var reference *reference.Hint
	switch {
	case errors.As(err, &own):
		return own.Hint()
	case errors.As(err, &reference):
		return reference.Text
	}
	return ""
}
