package target

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/conformance"
)

// databases are the two of a target, in the order of stores.dsns.
var databases = []string{"eps", "authserver"}

// patient lets SQLite wait for the server's own changes. Nobody needs what is written here
// after a crash.
var patient = map[string]string{"sqlite": "?_pragma=busy_timeout(5000)&_pragma=synchronous(off)"}

// Write changes one column of one row, past the server that it belongs to.
func (s *system) Write(ctx context.Context, c conformance.Cell) error {
	i := slices.Index(databases, c.Database)
	if i < 0 {
		return fmt.Errorf("no database is called %q", c.Database)
	}
	db, err := sql.Open(s.stores.driver, s.stores.dsns[i]+patient[s.stores.driver])
	if err != nil {
		return err
	}
	return errors.Join(write(ctx, db, s.stores.driver, c), db.Close())
}

// write takes no name into its statement that the database has not given itself.
func write(ctx context.Context, db *sql.DB, driver string, c conformance.Cell) error {
	tables, err := strings1(ctx, db, listTables[driver])
	if err != nil {
		return err
	}
	if !slices.Contains(tables, c.Table) {
		return fmt.Errorf("no table is called %q", c.Table)
	}
	types, err := columnTypes(ctx, db, c.Table)
	if err != nil {
		return err
	}
	if types[c.Key] == "" || types[c.Column] == "" {
		return fmt.Errorf("table %s has no columns %q and %q", c.Table, c.Key, c.Column)
	}
	var value any = c.Value
	if types[c.Column] != "BLOB" {
		value = string(c.Value) // SQLite tells text and numbers from bytes
	}
	done, err := db.ExecContext(ctx, "UPDATE "+c.Table+" SET "+c.Column+" = ? WHERE "+c.Key+" = ?", value, c.KeyValue)
	if err != nil {
		return fmt.Errorf("%s.%s: %w", c.Table, c.Column, err)
	}
	if n, err := done.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fmt.Errorf("%s.%s: %d rows were changed", c.Table, c.Column, n), err)
	}
	return nil
}

// columnTypes gives the columns of a table whose name the database has given.
func columnTypes(ctx context.Context, db *sql.DB, table string) (types map[string]string, err error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	types = map[string]string{}
	for _, c := range columns {
		types[c.Name()] = c.DatabaseTypeName()
	}
	return types, rows.Err()
}
