package target

import (
	"context"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// Activating starts a node whose EPS asks for activation.
func (s *system) Activating(ctx context.Context) (conformance.Target, error) {
	return s.nodeLike(ctx, func(n *system) { n.activation = true })
}

// Activate posts body as it is.
func (s *system) Activate(ctx context.Context, from string, body []byte) (conformance.Answer, error) {
	return s.provision(ctx, from, wire.ActivationPath, body)
}

// SetActivation starts the EPS again with activation, or without.
func (d *divided) SetActivation(ctx context.Context, on bool) error {
	d.activation = on
	old := d.servers["eps"]
	delete(d.servers, "eps")
	if err := errors.Join(old.end(), d.start(ctx, "eps", "")); err != nil {
		return fmt.Errorf("activation: %w", err)
	}
	return nil
}
