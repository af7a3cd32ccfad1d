package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// local is a mariadbd of this machine in a directory of its own.
type local struct {
	dir      string
	mariadbd string
	args     []string
	process  process
}

// process is one run of the server.
type process struct {
	pid   int
	quit  chan struct{}
	ended chan struct{} // it is gone
}

func startLocal(ctx context.Context, c credentials, args []string) (server, string, error) {
	mariadbd, err1 := find("mariadbd")
	install, err2 := find("mariadb-install-db")
	if err1 != nil || err2 != nil {
		return nil, "", errAbsent
	}
	dir, err := os.MkdirTemp("", "epsbench-mariadb-")
	if err != nil {
		return nil, "", err
	}
	s := &local{dir: dir, mariadbd: mariadbd}
	port, err := freePort()
	if err == nil {
		err = s.initialise(ctx, install, c)
	}
	if err == nil {
		s.args = append(append(s.options(), fmt.Sprintf("--port=%d", port)), args...)
		err = s.run()
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("start a local mariadbd: %w", err), os.RemoveAll(dir))
	}
	return s, fmt.Sprintf("127.0.0.1:%d", port), nil
}

// find looks where Debian keeps servers too, which a user's PATH often lacks.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", program))
	}
	return path, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func (s *local) path(name string) string { return filepath.Join(s.dir, name) }

// initialise makes the data directory and the statements of the first start.
func (s *local) initialise(ctx context.Context, install string, c credentials) error {
	who, err := self()
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, install, "--no-defaults", "--datadir="+s.path("data"), "--user="+who,
		"--auth-root-authentication-method=normal", "--skip-test-db").CombinedOutput()
	if err != nil {
		return fmt.Errorf("mariadb-install-db: %w: %s", err, tail(out))
	}
	statements := []string{ // one a line, as --init-file wants them; the passwords are base32
		// install-db leaves root without a password at every other address.
		"DELETE FROM mysql.global_priv WHERE User = '' OR User = 'root' AND Host <> 'localhost';",
		"FLUSH PRIVILEGES;",
		"CREATE DATABASE " + database + " CHARACTER SET utf8mb4;",
		"CREATE USER root@'%' IDENTIFIED BY '" + c.root + "';",
		"GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;",
		"ALTER USER root@localhost IDENTIFIED BY '" + c.root + "';",
		"CREATE USER " + account + "@'%' IDENTIFIED BY '" + c.user + "';",
		"GRANT ALL ON " + database + ".* TO " + account + "@'%';",
	}
	return os.WriteFile(s.path("init.sql"), []byte(strings.Join(statements, "\n")+"\n"), 0o600)
}

// self is the user that the server runs as: mariadbd refuses root unless told.
func self() (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", err
	}
	return u.Username, nil
}

func (s *local) options() []string {
	who, _ := self() // known to work from initialise
	return append([]string{
		"--no-defaults", "--user=" + who, "--datadir=" + s.path("data"), "--socket=" + s.path("sock"),
		"--pid-file=" + s.path("pid"), "--log-error=" + s.path("log.err"), "--init-file=" + s.path("init.sql"),
		"--bind-address=127.0.0.1", "--character-set-server=utf8mb4",
	}, testArgs...)
}

// run starts the server so that it dies with this process. That is bound to the
// thread that starts it, so the thread is kept until the end.
func (s *local) run() error {
	p := process{quit: make(chan struct{}), ended: make(chan struct{})}
	cmd := exec.Command(s.mariadbd, s.args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		go func() {
			_ = cmd.Wait() // killed, or ended by itself: the log says why
			close(p.ended)
		}()
		select {
		case <-p.quit:
			_ = cmd.Process.Kill()
			<-p.ended
		case <-p.ended:
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.pid = cmd.Process.Pid
	s.process = p
	return nil
}

func (s *local) alive(context.Context) bool {
	select {
	case <-s.process.ended:
		return false
	default:
		return true
	}
}

func (s *local) stop() error {
	close(s.process.quit)
	<-s.process.ended
	return os.RemoveAll(s.dir)
}

// faults are what can be done to a process: it has the file system and the network of this
// machine.
func (s *local) faults() map[Fault]fault {
	start := func(context.Context) error {
		// What the first start has made is there.
		if err := os.WriteFile(s.path("init.sql"), nil, 0o600); err != nil {
			return err
		}
		return s.run()
	}
	return map[Fault]fault{
		Stopped: {s.end(syscall.SIGTERM), start},
		Killed:  {s.end(syscall.SIGKILL), start},
		Silent:  {s.signal(syscall.SIGSTOP), s.signal(syscall.SIGCONT)},
	}
}

func (s *local) signal(sig syscall.Signal) func(context.Context) error {
	return func(context.Context) error { return syscall.Kill(s.process.pid, sig) }
}

// end waits for the end that a signal brings.
func (s *local) end(sig syscall.Signal) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := s.signal(sig)(ctx); err != nil {
			return err
		}
		select {
		case <-s.process.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *local) logs(context.Context) ([]byte, error) { return os.ReadFile(s.path("log.err")) }

func (s *local) files(ctx context.Context) (map[string][]byte, error) {
	return readDir(ctx, s.path("data"))
}

// readDir gives the regular files below root by their paths.
func readDir(ctx context.Context, root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return errors.Join(err, ctx.Err())
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // a temporary file
			return nil
		}
		name, _ := filepath.Rel(root, path)
		files[name] = b
		return err
	})
	return files, err
}
