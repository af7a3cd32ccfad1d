package reference

// Hint is an error with advice: Err says what happened, Text what to do about it.
// The commands print Text on a second line; errors.As finds it through wrapping.
type Hint struct {
	Err  error
	Text string
}

func (h *Hint) Error() string { return h.Err.Error() }
func (h *Hint) Unwrap() error { return h.Err }
