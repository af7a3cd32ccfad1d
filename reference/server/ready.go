package server

import (
	"context"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// readyPatience is how long a part may take to answer before it counts as gone. A
// PKCS#11 call cannot be interrupted, only left alone.
const readyPatience = 2 * time.Second

// ready asks every part that a call needs.
func (s *Server) ready(ctx context.Context) []api.Check {
	return []api.Check{
		within(ctx, "hsm", s.parts.HSM.Healthy),
		within(ctx, "store", func(ctx context.Context) error {
			return s.parts.Store.View(ctx, func(tx store.Reader) error {
				_, err := tx.LiveCodes()
				return err
			})
		}),
		within(ctx, "pairing", func(ctx context.Context) error {
			return s.parts.HSM.Do(ctx, func(*hsm.Session) error {
				_, _, err := s.keys.TRK(ctx, s.config.AuthServer.Name)
				return err
			})
		}),
	}
}

func within(ctx context.Context, name string, ask func(context.Context) error) api.Check {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
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
		return api.Check{Name: name, Why: fmt.Sprintf("no answer within %v", readyPatience)}
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
