package command

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/store"
)

type tokenCommand struct {
	Status tokenStatusCommand `cmd:"" help:"Show a token, its registration code and its records in the audit."`
}

type tokenStatusCommand struct {
	configFlag
	Token string `arg:"" help:"Id of the token."`
}

// lastRecords is how much of a token's past is shown.
const lastRecords = 1000

func (c *tokenStatusCommand) Run(ctx context.Context, p *Program) error {
	id := reference.TokenID(c.Token)
	if err := id.Check(); err != nil {
		return usageError{err}
	}
	e, err := p.openEPS(ctx, c.Config)
	if err != nil {
		return err
	}
	return errors.Join(e.showToken(ctx, p, id), e.close())
}

func (e *eps) showToken(ctx context.Context, p *Program, id reference.TokenID) error {
	var t reference.Token
	var code reference.RegistrationCode
	var past []store.AuditRecord
	err := e.store.View(ctx, func(tx store.Reader) (err error) {
		if t, err = tx.Token(id); err != nil {
			return err
		}
		if code, err = tx.CodeOf(id); err != nil && !errors.Is(err, reference.ErrNotFound) {
			return err
		}
		past, err = tx.AuditRecords(store.AuditQuery{Token: id, Limit: lastRecords})
		return err
	})
	if err != nil {
		return fmt.Errorf("token %s: %w", id, err)
	}
	printToken(p, t, code, past)
	return e.record(ctx, "token-shown", id)
}

func printToken(p *Program, t reference.Token, code reference.RegistrationCode, past []store.AuditRecord) {
	w := tabwriter.NewWriter(p.Stdout, 0, 0, 2, ' ', 0)
	for _, row := range [][2]any{
		{"token", t.ID}, {"service", t.Service}, {"user", t.User}, {"state", t.State}, {"suite", t.Suite},
		{"authserver", t.AuthServer}, {"PIN digits", t.PINDigits}, {"row version", t.RowVersion},
		{"created", stamp(t.Created)}, {"updated", stamp(t.Updated)},
	} {
		fmt.Fprintf(w, "%v\t%v\n", row[0], row[1])
	}
	if code.State != "" {
		fmt.Fprintf(w, "code\t%s, %d failures, expires %s\n", code.State, code.Failures, stamp(code.Expires))
	}
	for _, r := range past {
		fmt.Fprintf(w, "%s\t%s by %s\n", stamp(r.At), r.Event, r.Actor)
	}
	w.Flush() //nolint:errcheck // the terminal
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
