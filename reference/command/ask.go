package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// maxAnswer bounds a line typed or piped in, in bytes.
const maxAnswer = 256

// ask reads one line. On a terminal it prompts, and hides a secret as it is typed.
func (p *Program) ask(prompt string, secret bool) ([]byte, error) {
	if isTerminal(p.Stdin) {
		fmt.Fprint(p.Stderr, prompt)
		if secret {
			defer fmt.Fprintln(p.Stderr)
			return term.ReadPassword(int(p.Stdin.(*os.File).Fd()))
		}
	}
	return readLine(p.Stdin)
}

// isTerminal says whether a person is at the other end of a stream.
func isTerminal(stream any) bool {
	f, isFile := stream.(*os.File)
	return isFile && term.IsTerminal(int(f.Fd()))
}

// readLine reads byte by byte, so that what follows the line stays for the next question.
func readLine(r io.Reader) ([]byte, error) {
	line := make([]byte, 0, maxAnswer)
	var b [1]byte
	for len(line) < maxAnswer {
		n, err := r.Read(b[:])
		if n == 1 && b[0] == '\n' {
			return bytes.TrimSuffix(line, []byte{'\r'}), nil
		}
		line = append(line, b[:n]...)
		if errors.Is(err, io.EOF) && len(line) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("an answer is wanted on standard input: %w", err)}
		}
	}
	return nil, usageError{fmt.Errorf("the answer is longer than %d bytes", maxAnswer)}
}
