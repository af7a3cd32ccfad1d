package mpp

import (
	"context"
	"crypto/hmac"
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// protocol is one version of MPP: what its messages are, and what the HSM does with
// them. All else is the Server's and the same for every version: gate, rules, commit,
// decoy row, refusal, audit.
type protocol interface {
	path() string
	size() int // of every answer, in bytes
	// decode is step 2. What is no request to this EPS gives the decoy, and the cause.
	decode(body []byte) (request, string)
}

// request is a decoded request. It does not change: a lost session begins with it anew.
type request interface {
	service() reference.Service
	// open is steps 3 and 4. Where the request does not open it gives what a decoy has,
	// and the cause.
	open(ctx context.Context, ss *hsm.Session) (opened, error)
	// answer builds the response of step 9.
	answer(ss *hsm.Session, keys hsm.Request, g wire.Grant) ([]byte, error)
}

// opened is what a request holds: the keys of its session as handles, and the code.
type opened struct {
	keys    hsm.Request
	locator string // empty in v1
	code    []byte // ASCII digits; to be cleared
	why     string // it did not open; empty where it did
}

// protocols makes each version, with its decoy.
var protocols = map[int]func(*Server) (protocol, error){1: newLiteral, 2: newSealed}

// openProtocols makes the versions of the configuration.
func (s *Server) openProtocols() error {
	s.protocols = map[int]protocol{}
	for _, v := range s.config.Versions {
		if s.parts.Keys.MPPPublic(v) == nil {
			return &reference.Hint{
				Err:  fmt.Errorf("the EPS has no key for MPP version %d: %w", v, reference.ErrNotFound),
				Text: fmt.Sprintf("make it with: eps keys mpp %d", v),
			}
		}
		p, err := protocols[v](s)
		if err != nil {
			return fmt.Errorf("MPP version %d: %w", v, err)
		}
		s.protocols[v] = p
	}
	return nil
}

// ours says whether a request is under this EPS's key of a version, in a suite that its
// HSM has.
func (s *Server) ours(version int, kid, oaep []byte, suite uint64) bool {
	keys := s.parts.Keys
	return hmac.Equal(kid, keys.KeyID(version)) && len(oaep) == keys.MPPPublic(version).Size() &&
		slices.Contains(s.parts.HSM.Suites(), hsm.Suite(suite))
}
