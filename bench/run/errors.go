package run

import "errors"

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

// HintOf finds the hint in err, or nothing.
func HintOf(err error) string {
	var h Hinter
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
