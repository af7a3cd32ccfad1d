package cryptoki

import "golang.org/x/sys/unix"

// readable tells whether a CK_ULONG can be read at an address. The kernel reads it, as signals
// for an operation that there is not: so a number that is no address is an error, not a crash.
func readable(address uint64) bool {
	const noOperation = ^uintptr(0)
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, noOperation, uintptr(address), 0, 8, 0, 0)
	return errno == unix.EINVAL // it has read them; EFAULT otherwise
}
