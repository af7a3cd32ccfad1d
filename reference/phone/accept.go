package phone

import (
	"fmt"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// Check names what a phone found wrong with an answer (PROTOCOL.md §7). It is an
// error; compare with errors.Is.
type Check string

// The checks, in the order in which they are made.
const (
	CheckFormat     Check = "no grant"                // refused, or bytes changed: a refusal is random bytes
	CheckKeyID      Check = "key id is not pinned"    // another EPS
	CheckSuite      Check = "suite is not pinned"     // a downgrade
	CheckRequest    Check = "answers another request" // H1
	CheckTag        Check = "box does not open"       // not from the EPS, or changed
	CheckMAC        Check = "MAC does not check"      // the same, in v1
	CheckEPS        Check = "name of another EPS"
	CheckService    Check = "another service"
	CheckKDF        Check = "key derivation is unknown or too weak"
	CheckTime       Check = "clocks differ by more than 10 minutes"
	CheckTokenBytes Check = "wrapped token does not open" // W
)

// Error is the sentence of the check.
func (c Check) Error() string { return string(c) }

// maxSkew is how far the clocks may differ (PROTOCOL.md §7).
const maxSkew = 10 * time.Minute

// Accept makes every check on an answer and gives the device that it provisions.
// Its errors are a Check.
func (s *Session) Accept(answer []byte, now time.Time) (*Device, error) {
	p, h, err := wire.DecodeResponse(answer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CheckFormat, err)
	}
	if err := s.answers(h); err != nil {
		return nil, err
	}
	g, err := s.openGrant(p, h)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CheckTag, err)
	}
	if err := s.pinned.suits(s.service, g, now); err != nil {
		return nil, err
	}
	c, err := unwrap(s.kc, g.W)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", CheckTokenBytes, err)
	}
	return newDevice(g, c), nil
}

// suits checks what an authentic grant says against what the phone expects.
func (p Pinned) suits(service reference.Service, g wire.Grant, now time.Time) error {
	skew := now.Sub(time.Unix(int64(g.Time), 0))
	rules := []struct {
		holds bool
		check Check
	}{
		{g.EPS == p.EPS, CheckEPS},
		{g.Service == service, CheckService},
		{g.KDF == wire.KDFName && g.Iterations >= p.MinIterations, CheckKDF},
		{skew.Abs() <= maxSkew, CheckTime},
	}
	for _, r := range rules {
		if !r.holds {
			return r.check
		}
	}
	return nil
}
