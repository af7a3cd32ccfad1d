package reference

import (
	"fmt"
	"log/slog"
)

const hidden = "[secret]"

// Secret holds bytes that must not be printed: a PIN, a registration code, a key.
// Clear it when done. The zero Secret is empty.
type Secret struct{ b []byte }

// NewSecret takes b over: the caller must not keep it.
func NewSecret(b []byte) Secret { return Secret{b} }

// Bytes gives the secret itself, still owned by s.
func (s Secret) Bytes() []byte { return s.b }

// Len is the length in bytes.
func (s Secret) Len() int { return len(s.b) }

// Clear overwrites the bytes with zeros.
func (s Secret) Clear() { clear(s.b) }

func (Secret) String() string               { return hidden }
func (Secret) GoString() string             { return hidden }
func (Secret) Format(f fmt.State, _ rune)   { fmt.Fprint(f, hidden) }
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
func (Secret) LogValue() slog.Value         { return slog.StringValue(hidden) }
