package control_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/emulator/control"
)

func TestTheSocketLivesFromInitializeToFinalize(t *testing.T) {
	e := build(t, control.Options{})
	gone := func(when string) {
		t.Helper()
		left, err := os.ReadDir(filepath.Dir(e.socket))
		if len(left) != 0 || err != nil {
			t.Errorf("%s: there is %v, %v", when, left, err)
		}
	}
	gone("before C_Initialize")
	for range 2 {
		if err := e.Initialize(); err != nil {
			t.Fatal(err)
		}
		file, err := os.Stat(e.socket)
		if err != nil || file.Mode() != fs.ModeSocket|0o666 {
			t.Errorf("mode %v, %v", file.Mode(), err)
		}
		if err := e.Initialize(); err == nil {
			t.Error("C_Initialize twice")
		}
		e.dial()
		if err := e.Finalize(); err != nil {
			t.Error(err)
		}
		gone("after C_Finalize")
	}
}

func TestWhatIsInThePlaceOfTheSocket(t *testing.T) {
	t.Run("the socket of a killed process is replaced", func(t *testing.T) {
		path := socket(t)
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
		if err != nil {
			t.Fatal(err)
		}
		l.SetUnlinkOnClose(false)
		l.Close()
		start(t, control.Options{Socket: path}).dial()
	})
	t.Run("one that lives is not", func(t *testing.T) {
		first := start(t, control.Options{})
		second := build(t, control.Options{Socket: first.socket})
		if err := second.Initialize(); !errors.Is(err, control.ErrInUse) {
			t.Errorf("got %v", err)
		}
		first.dial()
	})
	t.Run("nor is a file", func(t *testing.T) {
		path := socket(t)
		if err := os.WriteFile(path, []byte("kept"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := build(t, control.Options{Socket: path}).Initialize(); err == nil || !strings.Contains(err.Error(), "is no socket") {
			t.Errorf("got %v", err)
		}
		if text, err := os.ReadFile(path); string(text) != "kept" {
			t.Errorf("the file: %q, %v", text, err)
		}
	})
	t.Run("a path that is too long", func(t *testing.T) {
		if err := build(t, control.Options{Socket: "/tmp/" + strings.Repeat("x", 100)}).Initialize(); err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("nobody listens", func(t *testing.T) {
		if _, err := control.Dial(t.Context(), socket(t)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

// A socket that another process has put in the place of ours stays.
func TestAnothersSocketIsLeft(t *testing.T) {
	e := start(t, control.Options{})
	if err := os.Rename(e.socket, e.socket+".old"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e.Finalize()
	if _, err := os.Stat(e.socket); err != nil {
		t.Error(err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	path := socket(t)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() {
		if c, err := l.Accept(); err == nil { // and says nothing
			defer c.Close()
			cancel(enough)
			c.Read(make([]byte, 1))
		}
	}()
	if _, err := control.Dial(ctx, path); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}
