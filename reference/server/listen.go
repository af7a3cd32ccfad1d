package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
)

// Time limits of a connection. A phone on a bad network gets 30 s for its request.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	writeTime  = 60 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 16 << 10 // bytes
)

// listener is one open address and what answers on it.
type listener struct {
	name   string
	net    net.Listener
	server *http.Server
	fresh  *fresh

	accepting sync.Mutex // held by serve
}

// listen opens the address of l, after adjust has seen how it will speak TLS. The
// socket file of an earlier process that has ended is replaced.
func listen(name string, l Listener, adjust func(string, *tls.Config), h http.Handler, log *slog.Logger) (*listener, error) {
	if socket, is := l.socket(); is {
		return listenUnix(name, socket, h, log)
	}
	c, err := pki.ServerTLS(l.Certificate, l.Key, l.Clients)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	adjust(name, c)
	tcp, err := net.Listen("tcp", l.Address)
	if err != nil {
		return nil, &reference.Hint{Err: fmt.Errorf("listener %s: %w", name, err), Text: "free the address, or choose another in listeners." + name + ".address"}
	}
	s := newHTTP(name, h, log)
	s.TLSConfig = c
	return newListener(name, tcp, s), nil
}

func listenUnix(name, socket string, h http.Handler, log *slog.Logger) (*listener, error) {
	if c, err := net.Dial("unix", socket); err == nil {
		c.Close()
		return nil, fmt.Errorf("listener %s: %s: another process answers there", name, socket)
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("listener %s: %w", name, err)
	}
	s := newHTTP(name, h, log)
	s.ConnContext = withPeer
	return newListener(name, l, s), nil
}

func newListener(name string, l net.Listener, s *http.Server) *listener {
	f := &fresh{conns: map[net.Conn]bool{}}
	s.ConnState = f.note
	return &listener{name: name, net: l, server: s, fresh: f}
}

func newHTTP(name string, h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
		ErrorLog: slog.NewLogLogger(log.With("listener", name).Handler(), slog.LevelWarn),
	}
}

// serve answers until the listener is closed.
func (l *listener) serve() error {
	l.accepting.Lock()
	defer l.accepting.Unlock()
	err := error(nil)
	if l.server.TLSConfig != nil {
		err = l.server.ServeTLS(l.net, "", "")
	} else {
		err = l.server.Serve(l.net)
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("listener %s: %w", l.name, err)
}

// stop takes no more connections, answers what came by those that are there until ctx
// ends, and closes them.
func (l *listener) stop(ctx context.Context) error {
	_ = l.net.Close() // closed before: the same
	l.accepted()
	l.fresh.wait(ctx)
	return l.server.Shutdown(ctx)
}

// accepted returns when serve has: what it accepted is known then.
func (l *listener) accepted() {
	l.accepting.Lock()
	defer l.accepting.Unlock()
}

type peerKey struct{}

// withPeer notes the user id at the other end of a Unix socket.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	peer, err := PeerOf(c)
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, peer.Uid)
}

// PeerOf is the process at the other end of a Unix socket.
func PeerOf(c net.Conn) (*unix.Ucred, error) {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred, errors.Join(err, failed)
}

// identify tells who is calling: by a verified certificate, or, on a Unix socket,
// the owner of this process and root, who can read its memory anyway.
func identify(roles *pki.Roles) func(*http.Request) pki.Caller {
	return func(r *http.Request) pki.Caller {
		if uid, ok := r.Context().Value(peerKey{}).(uint32); ok {
			return local(uid)
		}
		if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
			return pki.Caller{}
		}
		return roles.Of(r.TLS.VerifiedChains[0][0])
	}
}

func local(uid uint32) pki.Caller {
	c := pki.Caller{Name: fmt.Sprintf("uid %d", uid)}
	if uid == 0 || uid == uint32(os.Getuid()) {
		c.Roles = []pki.Role{pki.Admin, pki.KeyCustodian}
	}
	return c
}
