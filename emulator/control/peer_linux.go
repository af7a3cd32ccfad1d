package control

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// allowed asks the kernel who has connected.
func (s *Server) allowed(c *net.UnixConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var peer *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	if !s.options.admits(peer.Uid, uint32(os.Geteuid())) {
		return fmt.Errorf("%w: %d", ErrPeer, peer.Uid)
	}
	return nil
}

// send writes a line without the signal that a peer who has gone would raise: the program
// around the emulator may die of it.
func send(c *net.UnixConn, line []byte) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		for len(line) > 0 {
			n, err := unix.SendmsgN(int(fd), line, nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
			switch err {
			case nil:
				line = line[n:]
			case unix.EINTR:
			case unix.EAGAIN:
				return false // once more when there is room
			default:
				failed = err
				return true
			}
		}
		return true
	})
	if err != nil {
		return err
	}
	return failed
}

// shutdown ends a listener for all who hold its descriptor.
func shutdown(l *net.UnixListener) {
	if raw, err := l.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
}
