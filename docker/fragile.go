package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/go-sql-driver/mysql"
)

// Fault is a way in which a database server goes missing.
type Fault string

const (
	Stopped  Fault = "stopped"   // it ends in an orderly way
	Killed   Fault = "killed"    // by SIGKILL
	Silent   Fault = "silent"    // it takes connections and bytes, and answers nothing
	ReadOnly Fault = "read-only" // it writes for nobody but its administrators
	Full     Fault = "full"      // its file system has no room
	Cut      Fault = "cut"       // it runs, and no network leads to it
)

// ErrNoFault is one that this server cannot have.
var ErrNoFault = errors.New("the server cannot be taken away like that")

// Fragile is a MariaDB server that can be taken away and given back. Its address and what
// it stores stay. So that read-only hits them, servers use DSN or Database, not AdminDSN.
type Fragile struct {
	*Instance
	faults map[Fault]fault
}

// fault is how a server goes, and how it comes back.
type fault struct{ take, give func(context.Context) error }

// breakable is a server with faults.
type breakable interface{ faults() map[Fault]fault }

// fragileWays are the starters of what is breakable, best first.
var fragileWays = []starter{startBox, startLocal}

// shared has all tables in one file, which grows in small steps: when nothing is left of it
// and of its file system, no table has room, whatever it has grown to before.
var shared = []string{"--innodb-file-per-table=OFF", "--innodb-autoextend-increment=1"}

// FragileMariaDB starts a server as MariaDB does, for one user alone.
func FragileMariaDB(ctx context.Context, args ...string) (*Fragile, error) {
	i, err := startFirst(ctx, fragileWays, append(args, shared...))
	if err != nil {
		return nil, err
	}
	f := &Fragile{Instance: i, faults: i.server.(breakable).faults()}
	f.faults[ReadOnly] = fault{f.readOnly("ON"), f.readOnly("OFF")}
	if disk, ok := f.faults[Full]; ok {
		f.faults[Full] = fault{f.full(disk), f.roomy(disk.give)}
	}
	return f, nil
}

// Faults are those that the server can have: one in a container can have all.
func (f *Fragile) Faults() []Fault { return slices.Sorted(maps.Keys(f.faults)) }

// Break takes the server away. mend gives it back, and returns when it answers again; to
// call it once more does nothing.
func (f *Fragile) Break(ctx context.Context, what Fault) (mend func(context.Context) error, err error) {
	way, ok := f.faults[what]
	if !ok {
		return nil, fmt.Errorf("%s: %w", what, ErrNoFault)
	}
	if err := way.take(ctx); err != nil {
		return nil, fmt.Errorf("MariaDB, to be %s: %w", what, err)
	}
	var mu sync.Mutex
	given := false
	return func(ctx context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if given {
			return nil
		}
		if err := way.give(ctx); err != nil {
			return fmt.Errorf("MariaDB, no longer to be %s: %w", what, err)
		}
		given = true
		return f.ready(ctx)
	}, nil
}

// readOnly returns when no account without READ_ONLY ADMIN can write: the server waits
// for statements that run.
func (f *Fragile) readOnly(value string) func(context.Context) error {
	return func(ctx context.Context) error { return f.admin(ctx, "SET GLOBAL read_only = "+value) }
}

// filler is a database that takes what is free in the file of tables.
const filler = "epsbench_filler"

// fillings is how often a server is filled that ends by it.
const fillings = 3

// full fills the server. One that finds no room in the middle of its own writing may end
// itself, which is another outage than this: it is started again with room, and filled anew.
func (f *Fragile) full(disk fault) func(context.Context) error {
	return func(ctx context.Context) error {
		var err error
		for range fillings {
			if err = f.fillUp(disk.take)(ctx); err == nil || !errors.Is(err, mysql.ErrInvalidConn) {
				return err
			}
			if again := f.revive(ctx, disk.give); again != nil {
				return errors.Join(err, again)
			}
		}
		return err
	}
}

// revive gives the disk back and starts the server again, whatever it was doing.
func (f *Fragile) revive(ctx context.Context, room func(context.Context) error) error {
	if err := room(ctx); err != nil {
		return err
	}
	killed := f.faults[Killed]
	_ = killed.take(ctx) // it may have ended by itself
	if err := killed.give(ctx); err != nil {
		return err
	}
	if err := f.ready(ctx); err != nil {
		return err
	}
	return f.admin(ctx, "DROP DATABASE IF EXISTS "+filler)
}

// fillUp fills the disk, and then the pages that the server has still free, by ever smaller
// rows: what is left has room for a few small ones.
func (f *Fragile) fillUp(disk func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := f.admin(ctx, "CREATE DATABASE "+filler, "CREATE TABLE "+filler+".t (b LONGBLOB)"); err != nil {
			return err
		}
		if err := disk(ctx); err != nil {
			return err
		}
		for size := 1 << 20; size >= 1<<12; size >>= 2 {
			if err := f.fill(ctx, size); err != nil {
				return err
			}
		}
		return nil
	}
}

// mostRows is more than the pages of a new server have room for.
const mostRows = 10_000

// fill writes rows until there is no room for one.
func (f *Fragile) fill(ctx context.Context, size int) error {
	insert := fmt.Sprintf("INSERT INTO %s.t VALUES (REPEAT('x', %d))", filler, size)
	err := f.admin(ctx, slices.Repeat([]string{insert}, mostRows)...)
	var e *mysql.MySQLError
	if errors.As(err, &e) && e.Number == tableFull {
		return nil
	}
	return errors.Join(err, errors.New("the server does not get full"))
}

// tableFull is ER_RECORD_FILE_FULL.
const tableFull = 1114

// roomy gives the disk back, and the pages.
func (f *Fragile) roomy(disk func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := disk(ctx); err != nil {
			return err
		}
		return f.admin(ctx, "DROP DATABASE IF EXISTS "+filler)
	}
}
