package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/testcontainers/testcontainers-go"
	tcexec "github.com/testcontainers/testcontainers-go/exec"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// builder is what makes the image, so that a binary alone can do it.
//
//go:embed build-mariadb.sh debian.sh mariadb
var builder embed.FS

// imageName is that of the server's image, as build-mariadb.sh computes it: the tag
// changes with the files that it is made from.
func imageName() (string, error) {
	h := sha256.New()
	for _, name := range []string{"mariadb/Dockerfile", "mariadb/entrypoint.sh"} {
		b, err := builder.ReadFile(name)
		if err != nil {
			return "", err
		}
		h.Write(b)
	}
	return fmt.Sprintf("epsbench/mariadb:%.6x", h.Sum(nil)), nil
}

// testArgs make a small server; everything about durability stays as in production.
var testArgs = []string{
	"--innodb-flush-log-at-trx-commit=1", "--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M",
	"--performance-schema=OFF", "--skip-name-resolve", "--max-connections=200",
}

// label marks our containers; its value is the process that owns one.
const label = "epsbench.owner"

type container struct {
	testcontainers.Container
}

func startContainer(ctx context.Context, c credentials, args []string) (server, string, error) {
	image, err := readyImage(ctx)
	if err != nil {
		return nil, "", err
	}
	r := request(image, c)
	r.Cmd = append(append([]string{}, testArgs...), args...)
	con, address, err := run(ctx, r)
	if err != nil {
		return nil, "", err
	}
	return container{con}, address, nil
}

// readyImage gives the name of the server's image, which is there then; what earlier
// processes have left is not.
func readyImage(ctx context.Context) (string, error) {
	if err := prepareTestcontainers(); err != nil {
		return "", err
	}
	if err := engine(ctx); err != nil {
		return "", fmt.Errorf("%w: %w", errAbsent, err)
	}
	image, err := imageName()
	if err == nil {
		err = provideImage(ctx, image)
	}
	if err != nil {
		return "", err
	}
	Sweep(ctx)
	return image, nil
}

const port = "3306/tcp"

// request asks for a container of the image, for this process.
func request(image string, c credentials) testcontainers.ContainerRequest {
	return testcontainers.ContainerRequest{
		Image:        image,
		ExposedPorts: []string{port},
		Labels:       map[string]string{label: owner(os.Getpid()), label + "-pid": fmt.Sprint(os.Getpid())},
		Env: map[string]string{
			"MARIADB_ROOT_PASSWORD": c.root, "MARIADB_DATABASE": database,
			"MARIADB_USER": account, "MARIADB_PASSWORD": c.user,
		},
	}
}

// run starts a container and gives the address of its port.
func run(ctx context.Context, r testcontainers.ContainerRequest) (testcontainers.Container, string, error) {
	con, err := testcontainers.GenericContainer(ctx, testcontainers.GenericContainerRequest{ContainerRequest: r, Started: true})
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("start the container %s: %w", r.Image, err), testcontainers.TerminateContainer(con))
	}
	address, err := con.PortEndpoint(ctx, port, "")
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("port of the container %s: %w", r.Image, err), testcontainers.TerminateContainer(con))
	}
	return con, address, nil
}

// prepareTestcontainers sets what testcontainers reads from the environment: no reaper,
// which is an image to be pulled, and, where we run in a container ourselves, the
// address under which published ports answer.
func prepareTestcontainers() error {
	tclog.SetDefault(tclog.NewNoopLogger())
	defaults := map[string]string{"TESTCONTAINERS_RYUK_DISABLED": "true"}
	if _, err := os.Stat("/.dockerenv"); err == nil {
		defaults["TESTCONTAINERS_HOST_OVERRIDE"] = "127.0.0.1"
	}
	for name, value := range defaults {
		if _, set := os.LookupEnv(name); set {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// engine says whether a Docker engine answers. testcontainers panics where it finds none.
func engine(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	p, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return p.Health(ctx)
}

// provideImage makes sure that the image is there; the first time that takes minutes.
func provideImage(ctx context.Context, image string) error {
	cli, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		return fmt.Errorf("docker: %w", err)
	}
	defer func() { _ = cli.Close() }()
	if _, err := cli.ImageInspect(ctx, image); err == nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "epsbench-image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.CopyFS(dir, builder); err != nil {
		return fmt.Errorf("unpack the image builder: %w", err)
	}
	out, err := exec.CommandContext(ctx, "sh", filepath.Join(dir, "build-mariadb.sh"), image).CombinedOutput()
	if err != nil {
		return fmt.Errorf("make the image %s: %w: %s", image, err, tail(out))
	}
	return nil
}

// owner names a process of this machine across restarts of either.
func owner(pid int) string {
	host, _ := os.Hostname()
	started := "?"
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		// Field 22, counted after the command, which may hold spaces.
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); len(f) > 19 {
			started = f[19]
		}
	}
	return fmt.Sprintf("%s/%d/%s", host, pid, started)
}

// Sweep removes containers whose process was killed before it could: there is no
// reaper. What it cannot remove does no harm.
func Sweep(ctx context.Context) {
	out, err := exec.CommandContext(ctx, "docker", "ps", "--all", "--filter", "label="+label,
		"--format", `{{.ID}} {{.Label "`+label+`"}}`).Output()
	if err != nil {
		return
	}
	host, _ := os.Hostname()
	for _, line := range strings.Split(string(out), "\n") {
		id, of, _ := strings.Cut(line, " ")
		parts := strings.Split(of, "/")
		var pid int
		if len(parts) != 3 || parts[0] != host {
			continue
		}
		if _, err := fmt.Sscan(parts[1], &pid); err == nil && owner(pid) != of {
			_ = exec.CommandContext(ctx, "docker", "rm", "--force", "--volumes", id).Run()
		}
	}
}

func (c container) alive(ctx context.Context) bool {
	state, err := c.State(ctx)
	return err != nil || state.Running // an engine under load may not say
}

func (c container) logs(ctx context.Context) ([]byte, error) {
	r, err := c.Logs(ctx)
	if err != nil {
		return nil, fmt.Errorf("logs of the container: %w", err)
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

func (c container) files(ctx context.Context) (map[string][]byte, error) {
	// tar ends with 1 where a file changes while it is read, which is normal here.
	_, out, err := c.Exec(ctx, []string{"sh", "-c", "tar -C /var/lib/mysql -cf - . 2>/dev/null"}, tcexec.Multiplexed())
	if err != nil {
		return nil, fmt.Errorf("data files of the container: %w", err)
	}
	return untar(out)
}

// untar gives the regular files of a tar by their paths.
func untar(r io.Reader) (map[string][]byte, error) {
	files := map[string][]byte{}
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, fmt.Errorf("data files of the container: %w", err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if files[filepath.Clean(h.Name)], err = io.ReadAll(in); err != nil {
			return nil, fmt.Errorf("data files of the container: %w", err)
		}
	}
}

func (c container) stop() error {
	return testcontainers.TerminateContainer(c.Container, testcontainers.StopTimeout(0))
}
