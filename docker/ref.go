package docker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// Ref finds a running Instance from another process on this machine. It holds the
// password of root and is for pipes, not for files or arguments.
type Ref struct {
	AdminDSN  string `json:"admin_dsn"`
	Container string `json:"container,omitempty"` // its id
	Dir       string `json:"dir,omitempty"`       // data directory of a local server
}

// Ref gives the reference of i.
func (i *Instance) Ref() Ref {
	r := Ref{AdminDSN: i.AdminDSN}
	switch s := i.server.(type) {
	case container:
		r.Container = s.GetContainerID()
	case *box:
		r.Container = s.GetContainerID()
	case *local:
		r.Dir = s.path("data")
	}
	return r
}

// Kind is "container", or "process" for a local server.
func (r Ref) Kind() string {
	if r.Container == "" {
		return "process"
	}
	return "container"
}

// DataFiles gives every file of the server's data directory, as Instance.DataFiles does.
func (r Ref) DataFiles(ctx context.Context) (map[string][]byte, error) {
	if r.Container == "" {
		return readDir(ctx, r.Dir)
	}
	// tar ends with 1 where a file changes while it is read, which is normal here.
	out, err := exec.CommandContext(ctx, "docker", "exec", r.Container, "tar", "-C", "/var/lib/mysql", "-cf", "-", ".").Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		return nil, fmt.Errorf("data files of the container: %w", err)
	}
	return untar(bytes.NewReader(out))
}
