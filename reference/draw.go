package reference

import (
	"errors"
	"io"
)

// Draw gives n characters of an alphabet, each as likely as any other. Bytes from the
// largest multiple of the alphabet's length on are thrown away, as the rest of a division
// would favour some. The caller clears what is secret.
func Draw(random io.Reader, alphabet string, n int) ([]byte, error) {
	const maxDraws = 10_000
	limit := 256 - 256%len(alphabet)
	text := make([]byte, 0, n)
	var b [32]byte
	defer clear(b[:])
	for draws := 0; len(text) < n; draws++ {
		if draws == maxDraws {
			clear(text)
			return nil, errors.New("the random source gives no characters of the alphabet")
		}
		if _, err := io.ReadFull(random, b[:]); err != nil {
			clear(text)
			return nil, err
		}
		for _, v := range b {
			if int(v) < limit && len(text) < n {
				text = append(text, alphabet[int(v)%len(alphabet)])
			}
		}
	}
	return text, nil
}
