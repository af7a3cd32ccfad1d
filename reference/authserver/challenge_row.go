package authserver

import (
	"context"
	"crypto/hmac"
	"fmt"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// challengeMAC covers every field of a challenge but the MAC, under the row key.
func (s *Server) challengeMAC(ctx context.Context, session *hsm.Session, c *store.Challenge) ([]byte, error) {
	data, err := encoding.Marshal([]any{
		"epsbench challenge 1", c.ID, c.Token, c.Question, c.Client, c.Session, c.Asked, c.Used,
		c.Expires.UnixMilli(), c.KeptUntil.UnixMilli(),
	})
	if err != nil {
		return nil, err
	}
	return s.mac(ctx, session, data)
}

// genuineChallenge checks the MAC of a challenge that was read; errTampered if it is not ours.
func (s *Server) genuineChallenge(ctx context.Context, session *hsm.Session, c *store.Challenge) error {
	mac, err := s.challengeMAC(ctx, session, c)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac, c.MAC) {
		return fmt.Errorf("challenge %s: %w", c.ID, errTampered)
	}
	return nil
}

// used is c after its response, whatever that was.
func (s *Server) used(ctx context.Context, session *hsm.Session, c store.Challenge) (store.Challenge, error) {
	c.Used = true
	var err error
	c.MAC, err = s.challengeMAC(ctx, session, &c)
	return c, err
}

// sweeps are the times at which old challenges are forgotten: with the first that is made
// in each minute.
type sweeps struct{ last atomic.Int64 }

func (s *sweeps) due(now time.Time) bool {
	minute := now.Unix() / 60
	return s.last.Swap(minute) != minute
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }
