package control_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/epsbench/epsbench/emulator/control"
)

const nobody = 65534

// dialAs dials with another effective uid. The thread that has it dies with the goroutine.
func dialAs(t *testing.T, uid uintptr, socket string) error {
	t.Helper()
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 {
			failed <- errno
			return
		}
		_, err := control.Dial(t.Context(), socket)
		failed <- err
	}()
	return <-failed
}

func TestWhoMayConnect(t *testing.T) {
	own := uintptr(os.Geteuid())
	peers := map[string]uintptr{"the own uid": own}
	if own == 0 {
		peers["another uid"] = nobody // only root can become another
	}
	for name, uid := range peers {
		t.Run(name, func(t *testing.T) {
			var want error
			if uid != own {
				want = control.ErrPeer
			}
			if err := dialAs(t, uid, start(t, control.Options{UIDs: []uint32{nobody + 1}}).socket); !errors.Is(err, want) {
				t.Errorf("not listed: got %v, want %v", err, want)
			}
			if err := dialAs(t, uid, start(t, control.Options{UIDs: []uint32{uint32(uid)}}).socket); err != nil {
				t.Errorf("listed: %v", err)
			}
		})
	}
}
