package conformance

import "context"

// Database reads everything that the target stores.
type Database interface {
	// Dump gives every table of every database of the target.
	Dump(ctx context.Context) ([]Table, error)
	// Files gives the files that the database engine writes (data, journal, log) and all
	// others that the target's process leaves on disk, temporary ones too, but for the HSM's.
	Files(ctx context.Context) (map[string][]byte, error)
}

// Table is one table, dumped.
type Table struct {
	Database, Name string
	Columns        []string
	Rows           [][][]byte // nil: NULL
}

// DatabaseWriter changes what the target stores behind its back, as whoever holds the
// database could.
type DatabaseWriter interface {
	// Write puts one value in its place, and fails where no row, or more than one, changes.
	Write(ctx context.Context, c Cell) error
}

// Cell is one column of one row, with the value that it gets.
type Cell struct {
	Database, Table string // as in a Table
	Key, KeyValue   string // a column that is unique, and its value in the row
	Column          string
	Value           []byte // as a dump gives it
}

// Aborter has the authentication server's database take transactions back, as it does with
// one that it ends a deadlock by.
type Aborter interface {
	// Abort has the next n transactions that changed something rolled back instead of
	// committed, in place of what was asked for before.
	Abort(n int)
	Aborted() int // since
}
