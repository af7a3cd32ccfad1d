package docker

import (
	"context"
	"errors"
	"testing"
)

// TestNoDatabase: a machine that can run no MariaDB gets one line that says how to mend
// that, and why what it has did not work.
func TestNoDatabase(t *testing.T) {
	broken := errors.New("the image cannot be made")
	way := func(err error) starter {
		return func(context.Context, credentials, []string) (server, string, error) { return nil, "", err }
	}
	for _, c := range []struct {
		ways []starter
		want string
	}{
		{[]starter{way(errAbsent), way(errAbsent)}, ErrNoDatabase.Error()},
		{[]starter{way(broken), way(errAbsent)}, ErrNoDatabase.Error() + ": " + broken.Error()},
	} {
		_, err := startFirst(context.Background(), c.ways, nil)
		if !errors.Is(err, ErrNoDatabase) || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
