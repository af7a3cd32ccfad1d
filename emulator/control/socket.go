package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"
)

// ErrInUse: another process listens on the socket.
var ErrInUse = errors.New("another process listens on the control socket")

// maxPath is the longest path of a socket, in bytes: the kernel takes 107, and a name of
// the making has a pid more.
const maxPath = 95

// listen makes the socket under another name, gives it its mode, and moves it to its place:
// so nobody meets it half made, and a file that a killed process has left is replaced.
func listen(path string) (*net.UnixListener, os.FileInfo, error) {
	if len(path) > maxPath {
		return nil, nil, fmt.Errorf("control socket: its path has more than %d bytes", maxPath)
	}
	if err := free(path); err != nil {
		return nil, nil, err
	}
	making := fmt.Sprintf("%s.%d", path, os.Getpid())
	os.Remove(making) // of a killed process of our pid
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: making, Net: "unix"})
	if err != nil {
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(making, 0o666) // the peer's uid decides, not the mode
	if err == nil {
		err = os.Rename(making, path)
	}
	var file os.FileInfo
	if err == nil {
		file, err = os.Lstat(path)
	}
	if err != nil {
		os.Remove(making)
		l.Close()
		return nil, nil, fmt.Errorf("control socket: %w", err)
	}
	return l, file, nil
}

// free tells whether path can be taken: nothing is there, or a socket that is dead.
func free(path string) error {
	file, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("control socket: %w", err)
	case file.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("control socket: %s is there, and is no socket", path)
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		c.Close()
		return fmt.Errorf("%w: %s", ErrInUse, path)
	}
	return nil
}

// unlisten ends the listener, also for children that have its descriptor, and takes its file
// away, unless another has taken the place.
func unlisten(l *net.UnixListener, path string, file os.FileInfo) error {
	var err error
	if now, gone := os.Lstat(path); gone == nil && os.SameFile(now, file) {
		err = os.Remove(path)
	}
	shutdown(l)
	return errors.Join(err, l.Close())
}
