package mpp

import (
	"context"
	"crypto"
	"fmt"
	"io"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// Activator has the first OTP of a token judged; *enroll.Service is one.
type Activator interface {
	Activate(ctx context.Context, a enroll.Activation) (active bool, err error)
}

// nobodysActivation is judged in place of a request that is none.
var nobodysActivation = enroll.Activation{
	Service: "decoy", Token: "00000000000000000000000000", Ticket: make([]byte, reference.TicketSize), OTP: "000000", Decoy: true,
}

// issue draws the ticket that goes with a delivery, and computes what is kept of it: for
// every request, so that a refusal asks the HSM for as much.
func (s *Server) issue(ctx context.Context, ss *hsm.Session, a *attempt) error {
	if s.parts.Activator == nil {
		return nil
	}
	ticket := make([]byte, reference.TicketSize)
	if _, err := io.ReadFull(s.parts.Random, ticket); err != nil {
		return fmt.Errorf("draw a ticket: %w", err)
	}
	input, err := reference.TicketInput(a.row.Token.Service, a.row.Token.ID, ticket)
	defer clear(input)
	if err != nil {
		return err
	}
	key, err := s.parts.Keys.Ticket(ctx)
	if err != nil {
		return fmt.Errorf("TKT: %w", err)
	}
	if a.kept, err = ss.KeptMAC(key, crypto.SHA256, input); err != nil {
		return err
	}
	if a.row.Ticket.State == reference.TicketAwaited {
		a.ticket = ticket
	}
	return nil
}

// Activate answers the body of an activation (PROTOCOL.md §8) as Provision does one of MPP.
func (s *Server) Activate(ctx context.Context, source string, body []byte) (answer []byte, granted bool) {
	answer, err := s.filler(wire.ActivationSize)
	if err != nil {
		s.parts.Log.ErrorContext(ctx, "activation", "error", err)
		return answer, false
	}
	v, ok := s.desk.enter(source, s.parts.Waiter.Now())
	if !ok {
		s.parts.Rejects.Count(source)
		return answer, false
	}
	failed := false
	defer func() { s.desk.leave(v, failed, s.parts.Waiter.Now()) }()
	s.parts.Waiter.Sleep(ctx, v.delay)
	ctx, cancel := context.WithTimeout(ctx, s.config.Patience)
	defer cancel()
	if s.desk.run(ctx) != nil {
		return answer, false
	}
	defer s.desk.done()
	proof, granted, err := s.activate(ctx, source, body)
	if err != nil {
		s.parts.Log.ErrorContext(ctx, "activation", "error", err)
		return answer, false
	}
	if failed = !granted; failed {
		return answer, false
	}
	return proof, true
}

// activate has a request judged, or in place of one that is none nobody's.
func (s *Server) activate(ctx context.Context, source string, body []byte) (proof []byte, granted bool, err error) {
	q, err := wire.DecodeActivation(body)
	defer clear(q.Ticket)
	a := nobodysActivation
	if err == nil {
		a = enroll.Activation{Service: q.Service, Token: q.Token, Ticket: q.Ticket, OTP: q.OTP}
	}
	a.Source = source
	if a.Decoy {
		s.parts.Rejects.Count(source)
	}
	granted, err = s.parts.Activator.Activate(ctx, a)
	return wire.ActivationProof(q.Ticket, body), granted, err
}
