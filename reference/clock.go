package reference

import (
	"io"
	"time"
)

// Clock tells the time. Tests set their own.
type Clock interface{ Now() time.Time }

// SystemClock is the machine's clock, in UTC.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() time.Time { return time.Now().UTC() }

// Random is a source of random bytes; Read fills p or fails.
type Random = io.Reader
