//go:build !linux

package cryptoki

// readable believes the program where nobody can be asked.
func readable(uint64) bool { return true }
