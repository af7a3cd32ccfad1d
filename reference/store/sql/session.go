package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
)

// session is one connection with its prepared statements.
type session struct {
	conn     *sql.Conn
	classify func(error) Class
	prepared map[string]*sql.Stmt
	// err is the first error after which the transaction cannot go on. Nothing is
	// sent to the server any more: after a deadlock MariaDB has rolled back, and
	// would commit every further statement by itself.
	err   error
	class Class // of err
}

func newSession(ctx context.Context, db *sql.DB, classify func(error) Class) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return &session{conn: conn, classify: classify, prepared: map[string]*sql.Stmt{}}, nil
}

// discard closes the connection for good: it is not given to anyone else.
func (s *session) discard() {
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = s.conn.Close()
}

// plain runs a statement without arguments.
func (s *session) plain(ctx context.Context, query string) error {
	if s.err != nil {
		return s.err
	}
	_, err := s.conn.ExecContext(ctx, query)
	return s.judge(err)
}

// statement gives the prepared form of a query.
func (s *session) statement(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.prepared[query]; ok {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.prepared[query] = st
	return st, nil
}

// exec runs a statement and gives the number of rows that it changed.
func (s *session) exec(ctx context.Context, query string, args ...any) (int64, error) {
	if s.err != nil {
		return 0, s.err
	}
	st, err := s.statement(ctx, query)
	if err != nil {
		return 0, s.judge(err)
	}
	result, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, s.judge(err)
	}
	n, err := result.RowsAffected()
	return n, s.judge(err)
}

// query calls scan for every row.
func (s *session) query(ctx context.Context, scan func(scanner) error, query string, args ...any) error {
	if s.err != nil {
		return s.err
	}
	st, err := s.statement(ctx, query)
	if err != nil {
		return s.judge(err)
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return s.judge(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
	}
	return s.judge(rows.Err())
}

// scanner is a row.
type scanner interface{ Scan(...any) error }

// judge turns an error of the driver into one of the domain, and remembers those
// that end the transaction.
func (s *session) judge(err error) error {
	if err == nil {
		return nil
	}
	switch class := s.classify(err); class {
	case Duplicate:
		return fmt.Errorf("%w: %w", reference.ErrExists, err)
	case Statement:
		return err
	default:
		if s.err == nil {
			s.err, s.class = fmt.Errorf("%w: %w", causes[class], err), class
		}
		return s.err
	}
}

// causes are what callers learn of an error that ends a transaction.
var causes = map[Class]error{Broken: reference.ErrUnavailable, Conflict: reference.ErrUnavailable, Full: errFull, ReadOnly: errReadOnly}

// errFull is a database without room.
var errFull = fmt.Errorf("the database has no room: %w", reference.ErrUnavailable)

// errReadOnly is a database that does not write.
var errReadOnly = fmt.Errorf("the database is read-only: %w", reference.ErrUnavailable)

// reset forgets the end of a transaction that was rolled back.
func (s *session) reset() { s.err, s.class = nil, Broken }

// rollback ends a transaction whatever became of it, and says whether the session is still good.
func (s *session) rollback(ctx context.Context) bool {
	if s.err != nil && s.class == Broken {
		return false
	}
	s.reset()
	_, err := s.conn.ExecContext(ctx, "ROLLBACK")
	// SQLite says so when a conflict has ended the transaction already.
	return err == nil || s.classify(err) == Statement
}

// one reads the only row, or gives ErrNotFound.
func one[T any](ctx context.Context, s *session, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	rows, err := all(ctx, s, scan, query, args...)
	if err != nil || len(rows) == 0 {
		var none T
		return none, errors.Join(err, notFound(err))
	}
	return rows[0], nil
}

func notFound(err error) error {
	if err != nil {
		return nil
	}
	return reference.ErrNotFound
}

// all reads every row.
func all[T any](ctx context.Context, s *session, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	var rows []T
	err := s.query(ctx, func(row scanner) error {
		v, err := scan(row)
		rows = append(rows, v)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// changed turns "no row was changed" into ErrConflict.
func changed(n int64, err error) error {
	if err == nil && n != 1 {
		return reference.ErrConflict
	}
	return err
}
