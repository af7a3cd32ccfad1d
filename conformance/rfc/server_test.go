package rfc_test

import (
	"context"
	"sync"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// server is an authentication server as small as one can be, whose faults are switched on
// one at a time: what the /server cases have to catch.
type server struct {
	mu     sync.Mutex
	now    time.Time
	tokens map[string]*token

	acceptsAll, acceptsNone, forgets, ignoresClock bool
}

type token struct {
	suite  oracle.Suite
	secret []byte
	next   uint64 // the first moving factor that is still good
}

func (s *server) Identity() conformance.Identity {
	return conformance.Identity{Kind: conformance.KindAuthServer, Name: "toy"}
}
func (s *server) Capabilities() conformance.Capabilities {
	return conformance.Capabilities{conformance.CanImportSeed: true, conformance.CanValidate: true, conformance.CanSetClock: true}
}
func (s *server) Close() error         { return nil }
func (s *server) Now() time.Time       { return s.now }
func (s *server) SetClock(t time.Time) { s.now = t }

func (s *server) ImportSeed(_ context.Context, seed conformance.Seed) (string, error) {
	suite, err := oracle.ParseSuite(seed.Suite)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		s.tokens = map[string]*token{}
	}
	s.tokens[seed.User] = &token{suite, seed.Secret, seed.Counter}
	return seed.User, nil
}

func (s *server) Validate(_ context.Context, _, user, otp string) (conformance.Validation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return conformance.Validation{Accepted: s.acceptsAll || !s.acceptsNone && s.accepts(s.tokens[user], otp)}, nil
}

func (s *server) accepts(t *token, otp string) bool {
	first, last := t.next, t.next+10
	if t.suite.Step != 0 && !s.ignoresClock {
		step := t.suite.Moving(s.now)
		first, last = max(t.next, step-1), step+1
	}
	for m := first; m <= last; m++ {
		if t.suite.OTP(t.secret, m) == otp {
			if !s.forgets {
				t.next = m + 1
			}
			return true
		}
	}
	return false
}
