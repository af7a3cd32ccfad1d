package authserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

// errNo is what is refused for good.
var errNo = errors.New("not allowed")

// forGood tells a refusal from an HSM that was lost on the way to one.
func forGood(err error) bool {
	return errors.Is(err, errNo) && !errors.Is(err, reference.ErrUnavailable)
}

// Apply does what an authentic message asks for, once: its result is committed
// together with the change, and told again to whoever sends the same bytes.
func (s *Server) Apply(ctx context.Context, m plugin.Message, digest [sha256.Size]byte) (plugin.Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.patience)
	defer cancel()
	for range maxConflicts {
		result, err := s.once(ctx, m, digest)
		if !errors.Is(err, reference.ErrConflict) && !errors.Is(err, reference.ErrExists) {
			return result, err
		}
	}
	return "", fmt.Errorf("%s token %s: %w: the row keeps changing", m.Op, m.Token, reference.ErrUnavailable)
}

func (s *Server) once(ctx context.Context, m plugin.Message, digest [sha256.Size]byte) (plugin.Result, error) {
	if result, err := s.remembered(ctx, m, digest); !errors.Is(err, reference.ErrNotFound) {
		return result, err
	}
	if m.Op == plugin.Activate {
		return s.activate(ctx, m, digest)
	}
	err := s.perform(ctx, m, func(tx store.AuthTx) error { return tx.InsertMessage(s.message(m, digest, plugin.Done)) })
	if !forGood(err) {
		return plugin.Done, err
	}
	s.log.WarnContext(ctx, "plug-in message refused", "event", "refused", "op", m.Op, "token", m.Token, "err", err)
	return plugin.Refused, s.store.Update(ctx, func(tx store.AuthTx) error {
		return tx.InsertMessage(s.message(m, digest, plugin.Refused))
	})
}

// remembered gives the result of a message that came before; reference.ErrNotFound if none.
func (s *Server) remembered(ctx context.Context, m plugin.Message, digest [sha256.Size]byte) (plugin.Result, error) {
	var old store.Message
	err := s.store.View(ctx, func(tx store.AuthReader) (err error) {
		old, err = tx.Message(messageKey(m.Key))
		return err
	})
	if err != nil {
		return "", fmt.Errorf("message of token %s: %w", m.Token, err)
	}
	if m.Op != plugin.Settle && !bytes.Equal(old.Digest, digest[:]) {
		s.log.WarnContext(ctx, "plug-in message refused", "event", "refused", "op", m.Op, "token", m.Token, "err", "key used before")
		return plugin.Refused, nil
	}
	return plugin.Result(old.Result), nil
}

// messageKey keeps the keys of the EPS apart from those of unlock requests.
func messageKey(key string) string { return "plugin/" + key }

func (s *Server) message(m plugin.Message, digest [sha256.Size]byte, r plugin.Result) store.Message {
	return store.Message{Key: messageKey(m.Key), Digest: digest[:], Result: string(r), At: s.now()}
}

// perform does m and commits remember with it.
func (s *Server) perform(ctx context.Context, m plugin.Message, remember func(store.AuthTx) error) error {
	switch {
	case m.Creates():
		return s.create(ctx, m, remember)
	case m.Op == plugin.Settle: // of a message that has not come
		return fmt.Errorf("nothing to settle: %w", errNo)
	}
	_, err := s.alter(ctx, m.Token, s.moveBy(m.Op), remember)
	switch {
	case errors.Is(err, reference.ErrNotFound) && m.Op == plugin.Cancel:
		return s.bury(ctx, m.Token, remember)
	case errors.Is(err, reference.ErrNotFound):
		return fmt.Errorf("unknown token: %w", errNo)
	}
	return err
}

func (s *Server) moveBy(op plugin.Op) edit {
	return func(c store.Credential) (store.Credential, error) {
		c, err := s.moved(c, event(op))
		if slices.Contains(gone, c.State) {
			c.Blob = nil // TOK ends here
		}
		return c, err
	}
}

// create takes a token over: out of TRK, under ASK at once.
func (s *Server) create(ctx context.Context, m plugin.Message, remember func(store.AuthTx) error) error {
	suite, err := oath.ParseSuite(m.Suite)
	if err != nil {
		return fmt.Errorf("%w: %w", errNo, err)
	}
	if err := suite.Enrollable(); err != nil {
		return fmt.Errorf("%w: %w", errNo, err)
	}
	if m.Op == plugin.Prepare && suite.Kind == oath.KindOCRA {
		return fmt.Errorf("%s makes no OTP to activate with: %w", suite, errNo)
	}
	if m.TOKLength < suite.Hash.Size() {
		return fmt.Errorf("TOK of %d bytes for %s: %w", m.TOKLength, suite, errNo)
	}
	c := s.newCredential(m.Token, m.Service, m.User, m.Suite)
	c.TOKLength, c.PINDigits = m.TOKLength, m.PINDigits
	if m.Op == plugin.Prepare {
		c.State, c.Activated = stateInactive, false
	}
	if c, err = s.takeOver(ctx, c, s.trk(ctx, m.TRKVersion), m.Blob, m.TOKLength); err != nil {
		return err
	}
	return s.insert(ctx, c, remember)
}

// trk refuses a version that this server was never given.
func (s *Server) trk(ctx context.Context, version uint32) func(*hsm.Session) (hsm.Key, error) {
	return func(*hsm.Session) (hsm.Key, error) {
		key, err := s.keys.TRK(ctx, version)
		if errors.Is(err, reference.ErrNotFound) {
			err = fmt.Errorf("TRK version %d: %w", version, errNo)
		}
		return key, err
	}
}

// bury leaves a tombstone, so that a create under way finds its token cancelled.
func (s *Server) bury(ctx context.Context, token reference.TokenID, remember func(store.AuthTx) error) error {
	c := s.newCredential(token, "", "", "")
	c.State = stateCancelled
	err := s.hsm.Do(ctx, func(session *hsm.Session) (err error) {
		c.MAC, err = s.rowMAC(ctx, session, &c)
		return err
	})
	if err != nil {
		return err
	}
	return s.insert(ctx, c, remember)
}
