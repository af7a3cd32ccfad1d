package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	containertypes "github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
)

// box is a container in which the server is one process, and not the first. So the server
// ends and starts in a fraction of the time that a container takes, and its address and its
// small file system are there for longer than it is.
type box struct {
	container
	docker   *testcontainers.DockerClient
	program  []string // starts the server
	running  string   // the id of its execution
	networks []string // those that it is cut off from
}

// Where things are in a box. The log is not among the data: that may have no room.
const (
	dataDir = "/var/lib/mysql"
	ballast = dataDir + "/ballast"
	pidFile = "/run/mysqld/mysqld.pid"
	logFile = "/tmp/mariadb.log"
)

// room is the size of the file system of data: a server takes some 50 MB, but three times
// that while it is made.
const room = 160 << 20

// portTries are for the ports that another process takes before the box does.
const portTries = 3

func startBox(ctx context.Context, c credentials, args []string) (server, string, error) {
	image, err := readyImage(ctx)
	if err != nil {
		return nil, "", err
	}
	b := &box{}
	if b.docker, err = testcontainers.NewDockerClientWithOpts(ctx); err != nil {
		return nil, "", fmt.Errorf("docker: %w", err)
	}
	address, err := b.open(ctx, request(image, c))
	if err == nil {
		err = b.prepare(ctx, image, args)
	}
	if err == nil {
		err = b.serve(ctx)
	}
	if err != nil {
		return nil, "", errors.Join(err, b.stop())
	}
	return b, address, nil
}

// open starts the container, with nothing in it yet.
func (b *box) open(ctx context.Context, r testcontainers.ContainerRequest) (address string, err error) {
	r.Entrypoint = []string{"sleep", "infinity"}
	for range portTries {
		var host int
		if host, err = freePort(); err != nil {
			return "", err
		}
		r.HostConfigModifier = func(h *containertypes.HostConfig) {
			// A port that the engine chooses is another one after each return to the network.
			h.PortBindings = network.PortMap{network.MustParsePort(port): {{HostPort: fmt.Sprint(host)}}}
			h.Mounts = []mount.Mount{{Type: mount.TypeTmpfs, Target: dataDir, TmpfsOptions: &mount.TmpfsOptions{SizeBytes: room}}}
		}
		if b.container.Container, address, err = run(ctx, r); err == nil {
			return address, nil
		}
	}
	return "", err
}

// prepare finds out how the image starts its server.
func (b *box) prepare(ctx context.Context, image string, args []string) error {
	i, err := b.docker.ImageInspect(ctx, image)
	if err != nil {
		return fmt.Errorf("image %s: %w", image, err)
	}
	b.program = append(append([]string{}, i.Config.Entrypoint...), testArgs...)
	b.program = append(append(b.program, "--pid-file="+pidFile, "--log-error="+logFile), args...)
	return nil
}

// serve starts the server.
func (b *box) serve(ctx context.Context) error {
	e, err := b.docker.ExecCreate(ctx, b.GetContainerID(), client.ExecCreateOptions{Cmd: b.program})
	if err == nil {
		b.running = e.ID
		_, err = b.docker.ExecStart(ctx, e.ID, client.ExecStartOptions{Detach: true})
	}
	if err != nil {
		return fmt.Errorf("start the server in its container: %w", err)
	}
	return nil
}

func (b *box) alive(ctx context.Context) bool {
	e, err := b.docker.ExecInspect(ctx, b.running, client.ExecInspectOptions{})
	return err != nil || e.Running // an engine under load may not say
}

func (b *box) faults() map[Fault]fault {
	return map[Fault]fault{
		Stopped: {b.end("TERM"), b.serve},
		Killed:  {b.end("KILL"), b.serve},
		Silent:  {b.pause, b.resume},
		Full:    {b.shell("cat /dev/zero >" + ballast + "; test -s " + ballast), b.shell("rm -f " + ballast)},
		Cut:     {b.cut, b.join},
	}
}

// shell runs a command in the container.
func (b *box) shell(command string) func(context.Context) error {
	return func(ctx context.Context) error {
		code, out, err := b.Exec(ctx, []string{"sh", "-c", command}, tcexec.Multiplexed())
		if err == nil && code != 0 {
			said, _ := io.ReadAll(out)
			err = fmt.Errorf("exit code %d: %s", code, strings.TrimSpace(string(said)))
		}
		return err
	}
}

// end waits for the end that a signal brings.
func (b *box) end(signal string) func(context.Context) error {
	kill := b.shell("kill -" + signal + ` "$(cat ` + pidFile + `)"`)
	return func(ctx context.Context) error {
		if err := kill(ctx); err != nil {
			return err
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for b.alive(ctx) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("the server does not end: %w", ctx.Err())
			}
		}
		return ctx.Err()
	}
}

// pause freezes the container; the kernel still takes connections and bytes for it.
func (b *box) pause(ctx context.Context) error {
	_, err := b.docker.ContainerPause(ctx, b.GetContainerID(), client.ContainerPauseOptions{})
	return err
}

func (b *box) resume(ctx context.Context) error {
	_, err := b.docker.ContainerUnpause(ctx, b.GetContainerID(), client.ContainerUnpauseOptions{})
	return err
}

// cut takes the container off its networks. Connections break, new ones are refused: the
// engine no longer listens at the published port.
func (b *box) cut(ctx context.Context) (err error) {
	if b.networks, err = b.Networks(ctx); err != nil {
		return err
	}
	for _, name := range b.networks {
		_, e := b.docker.NetworkDisconnect(ctx, name, client.NetworkDisconnectOptions{Container: b.GetContainerID(), Force: true})
		err = errors.Join(err, e)
	}
	return err
}

func (b *box) join(ctx context.Context) error {
	var err error
	for _, name := range b.networks {
		_, e := b.docker.NetworkConnect(ctx, name, client.NetworkConnectOptions{Container: b.GetContainerID()})
		err = errors.Join(err, e)
	}
	return err
}

func (b *box) logs(ctx context.Context) ([]byte, error) {
	_, out, err := b.Exec(ctx, []string{"cat", logFile}, tcexec.Multiplexed())
	if err != nil {
		return nil, fmt.Errorf("logs of the server: %w", err)
	}
	return io.ReadAll(out)
}

func (b *box) stop() error {
	var err error
	if b.container.Container != nil {
		err = b.container.stop()
	}
	return errors.Join(err, b.docker.Close())
}
