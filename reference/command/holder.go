package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	gopsnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/server"
)

// errTaken is an address that another process than this EPS has.
var errTaken = errors.New("in use by another process")

// holder tells who has an address. This EPS is the process at the other end of its
// operations socket; that of nobody where it does not run, or has no socket.
type holder struct{ ours int32 }

// newHolder asks the socket without a call: a running server would log it.
func newHolder(operations string) holder {
	path, is := strings.CutPrefix(operations, "unix:")
	if !is {
		return holder{}
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		return holder{}
	}
	defer c.Close()
	peer, err := server.PeerOf(c)
	if err != nil {
		return holder{}
	}
	return holder{peer.Pid}
}

// of says how an address is: free, or who has it. It is an error that another process does.
func (h holder) of(ctx context.Context, address string) (string, error) {
	if path, is := strings.CutPrefix(address, "unix:"); is {
		return h.ofSocket(path), nil
	}
	l, err := net.Listen("tcp", address)
	switch {
	case err == nil:
		return "free", l.Close()
	case !errors.Is(err, syscall.EADDRINUSE):
		return "", err
	}
	pid := listening(ctx, address)
	switch {
	case pid == 0:
		return "in use, by whom cannot be seen from here", nil
	case pid == h.ours:
		return fmt.Sprintf("in use by this EPS, process %d", pid), nil
	case h.ours == 0:
		return "in use by " + named(ctx, pid), nil
	}
	return "", &reference.Hint{Err: fmt.Errorf("%w: %s", errTaken, named(ctx, pid)), Text: "free the address, or choose another in the configuration"}
}

func (h holder) ofSocket(path string) string {
	if _, err := os.Stat(path); err != nil {
		return "free"
	}
	if h.ours == 0 {
		return "left behind: nobody answers there"
	}
	return fmt.Sprintf("in use by this EPS, process %d", h.ours)
}

// listening is the process that listens on an address, or on all of its port; 0 where the
// system does not tell, as of other users' processes.
func listening(ctx context.Context, address string) int32 {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	all, err := gopsnet.ConnectionsWithContext(ctx, "tcp")
	if err != nil {
		return 0
	}
	ip := net.ParseIP(host)
	for _, c := range all {
		at := net.ParseIP(c.Laddr.IP)
		if c.Status == "LISTEN" && strconv.Itoa(int(c.Laddr.Port)) == port && (at.IsUnspecified() || ip == nil || ip.IsUnspecified() || at.Equal(ip)) {
			return c.Pid
		}
	}
	return 0
}

// named is a process with its number.
func named(ctx context.Context, pid int32) string {
	p := process.Process{Pid: pid}
	name, err := p.NameWithContext(ctx)
	if err != nil {
		return fmt.Sprintf("process %d", pid)
	}
	return fmt.Sprintf("%s, process %d", name, pid)
}
