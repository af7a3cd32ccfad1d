package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// readyPatience is how long a part may take to answer before it counts as gone.
const readyPatience = 2 * time.Second

// ready asks every part that a call needs.
func (s *Server) ready(ctx context.Context) []api.Check {
	return s.checks(ctx, []check{
		{"hsm", s.parts.HSM.Healthy},
		{"store", func(ctx context.Context) error {
			err := s.parts.Store.View(ctx, func(tx store.Reader) error {
				_, err := tx.LiveCodes()
				return err
			})
			return errors.Join(err, s.parts.Store.Writable(ctx))
		}},
		{"pairing", func(ctx context.Context) error {
			return s.parts.HSM.Do(ctx, func(*hsm.Session) error {
				_, _, err := s.keys.TRK(ctx, s.config.AuthServer.Name)
				return err
			})
		}},
	})
}

// check asks one part.
type check struct {
	name string
	ask  func(context.Context) error
}

// checks asks all parts at once: one that is away holds up no other.
func (n *node) checks(ctx context.Context, all []check) []api.Check {
	answers := make([]api.Check, len(all))
	var asked sync.WaitGroup
	for i, c := range all {
		asked.Go(func() { answers[i] = within(ctx, min(readyPatience, n.patience), c.name, c.ask) })
	}
	asked.Wait()
	return answers
}

func within(ctx context.Context, patience time.Duration, name string, ask func(context.Context) error) api.Check {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer := make(chan error, 1)
	go func() { answer <- ask(ctx) }()
	select {
	case err := <-answer:
		if err != nil {
			return api.Check{Name: name, Why: err.Error()}
		}
		return api.Check{Name: name, OK: true}
	case <-ctx.Done():
		return api.Check{Name: name, Why: fmt.Sprintf("no answer within %v", patience)}
	}
}

// inventory lists the keys of this EPS: those in the HSM by label, those in the
// database with version and master key.
func (s *Server) inventory(ctx context.Context) ([]api.KeyInfo, error) {
	if err := s.keys.Reload(ctx); err != nil {
		return nil, err
	}
	var all []api.KeyInfo
	for _, label := range s.keys.Labels() {
		all = append(all, api.KeyInfo{Label: label, Lives: "hsm"})
	}
	err := s.parts.Store.View(ctx, func(tx store.Reader) error {
		wrapped, err := tx.Keys()
		for _, k := range wrapped {
			created := k.Created.UTC()
			all = append(all, api.KeyInfo{Label: k.Name, Version: k.Version, Lives: "database", Under: k.Master, Created: &created})
		}
		if err != nil {
			return err
		}
		keystores, err := tx.Keystores()
		for _, k := range keystores {
			created := k.Created.UTC()
			all = append(all, api.KeyInfo{Label: k.Name, Version: k.Version, Lives: "database", Under: "password", Created: &created})
		}
		return err
	})
	return all, err
}
