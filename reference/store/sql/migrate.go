package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"
)

// latest asks Migrate for every migration there is.
const latest int64 = 0

// ErrNewer is a database that a newer program has written.
var ErrNewer = errors.New("the database was written by a newer version of this program")

// Migrate brings the schema up to a version, 0 meaning the newest, and says which
// version it then has. Running it again changes nothing; two processes at once wait
// for each other.
func Migrate(ctx context.Context, c Config, version int64) (have int64, err error) {
	db := c.Write
	if c.Unhurried != nil {
		if db, err = c.Unhurried(); err != nil {
			return 0, fmt.Errorf("migrations of %s: %w", c.Name, err)
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	options := []goose.ProviderOption{
		goose.WithTableName("migrations_" + c.Name),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	}
	if c.Dialect.Locker != nil {
		options = append(options, goose.WithSessionLocker(c.Dialect.Locker))
	}
	p, err := goose.NewProvider(c.Dialect.Goose, db, c.Migrations, options...)
	if err != nil {
		return 0, fmt.Errorf("migrations of %s: %w", c.Name, err)
	}
	if version == latest {
		sources := p.ListSources()
		version = sources[len(sources)-1].Version
	}
	return migrate(ctx, p, c, version)
}

// migrate tries again when another process was at it, which SQLite tells as an error.
func migrate(ctx context.Context, p *goose.Provider, c Config, version int64) (int64, error) {
	var err error
	for try := range 5 {
		if try > 0 && !pause(ctx, time.Duration(try)*20*time.Millisecond) {
			break
		}
		if _, err = p.UpTo(ctx, version); err == nil {
			break
		}
	}
	if err != nil {
		return 0, fmt.Errorf("migrate the %s database: %w", c.Name, err)
	}
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("migrate the %s database: %w", c.Name, err)
	}
	if have > newest {
		return have, fmt.Errorf("%w: schema %d, this program knows %d", ErrNewer, have, newest)
	}
	return have, nil
}

// pause waits and says whether the wait was not cut short.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
