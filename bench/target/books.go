package target

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/conformance"
)

// What the books are made of.
const (
	tokensOfEPS   = "SELECT id, service, user_name, state, (SELECT COUNT(*) FROM outbox WHERE token = tokens.id) FROM tokens"
	tokensOfOther = "SELECT token, state FROM credentials"
)

// Books reads both databases past the servers. The connections are closed at once: one that
// stays open would keep SQLite from having to recover anything.
func (s *system) Books(ctx context.Context) ([]conformance.Entry, error) {
	var all []conformance.Entry
	place := map[string]int{}
	err := eachRow(ctx, s.stores.driver, s.stores.dsns[0], tokensOfEPS, func(scan func(...any) error) error {
		var e conformance.Entry
		err := scan(&e.Token, &e.Service, &e.User, &e.EPS, &e.Waiting)
		place[e.Token] = len(all)
		all = append(all, e)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("books of the EPS: %w", err)
	}
	err = eachRow(ctx, s.stores.driver, s.stores.dsns[1], tokensOfOther, func(scan func(...any) error) error {
		var token, state string
		if err := scan(&token, &state); err != nil {
			return err
		}
		i, known := place[token]
		if !known {
			all = append(all, conformance.Entry{Token: token, AuthServer: state})
			return nil
		}
		all[i].AuthServer = state
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("books of the authentication server: %w", err)
	}
	return all, nil
}

// eachRow calls on for each row of a query.
func eachRow(ctx context.Context, driver, dsn, query string, on func(scan func(...any) error) error) (err error) {
	db, err := sql.Open(driver, dsn+patient[driver])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := on(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
