package command

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden keeps the memory of this process out of core files and away from debuggers
// of the same user.
func Harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid memory dumps: %w", err)
	}
	return nil
}
