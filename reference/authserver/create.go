package authserver

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

func (s *Server) newCredential(token reference.TokenID, service reference.Service, user reference.User, suite string) store.Credential {
	now := s.now()
	return store.Credential{
		Token: token, Service: service, User: user, State: stateActive, Suite: suite,
		Activated: true, Format: rowFormat, Version: 1, Created: now, Updated: now,
	}
}

// takeOver brings a wrapped TOK of n bytes under ASK and completes c with it. TOK is a
// handle for a moment, and nothing can be done with it but to wrap it.
func (s *Server) takeOver(ctx context.Context, c store.Credential, under func(*hsm.Session) (hsm.Key, error), blob []byte, n int) (store.Credential, error) {
	err := s.hsm.Do(ctx, func(session *hsm.Session) error {
		ask, err := s.keys.ASK(ctx)
		if err != nil {
			return fmt.Errorf("ASK: %w", err)
		}
		c.Blob, err = rewrap(session, ask, under, blob, n)
		if err != nil {
			return err
		}
		c.MAC, err = s.rowMAC(ctx, session, &c)
		return err
	})
	return c, err
}

// rewrap: what does not unwrap is refused for good.
func rewrap(session *hsm.Session, ask hsm.Key, under func(*hsm.Session) (hsm.Key, error), blob []byte, n int) ([]byte, error) {
	transport, err := under(session)
	if err != nil {
		return nil, err
	}
	tok, err := session.ImportUnderTransport(transport, blob, n)
	if err != nil {
		return nil, fmt.Errorf("unwrap TOK: %w: %w", errNo, err)
	}
	rewrapped, err := session.WrapUnderASK(ask, tok)
	if err != nil {
		return nil, err
	}
	return rewrapped, session.Destroy(tok)
}

// insert commits a new row together with what also writes. errNo: the token is or was
// here, or the user has another.
func (s *Server) insert(ctx context.Context, c store.Credential, also func(store.AuthTx) error) error {
	err := s.store.Update(ctx, func(tx store.AuthTx) error {
		if err := vacant(tx, c); err != nil {
			return err
		}
		if err := tx.InsertCredential(c); err != nil {
			return err
		}
		return also(tx)
	})
	if err != nil {
		return fmt.Errorf("row of token %s: %w", c.Token, err)
	}
	s.log.InfoContext(ctx, "token made", "event", c.State, "token", c.Token, "service", c.Service, "imported", c.Imported)
	return nil
}

// vacant: there is no row of this token, and no live one of its user.
func vacant(tx store.AuthReader, c store.Credential) error {
	_, err := tx.Credential(c.Token)
	if err == nil {
		return fmt.Errorf("token exists: %w", errNo)
	}
	if !errors.Is(err, reference.ErrNotFound) || c.State == stateCancelled {
		return ignoreMissing(err)
	}
	if _, err = tx.CredentialOf(c.Service, c.User); err == nil {
		return fmt.Errorf("user has a token: %w", errNo)
	}
	return ignoreMissing(err)
}

func ignoreMissing(err error) error {
	if errors.Is(err, reference.ErrNotFound) {
		return nil
	}
	return err
}

// crockford spells ids.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newID draws 128 bits: 26 characters.
func (s *Server) newID() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.random, b[:]); err != nil {
		return "", fmt.Errorf("%w: random: %w", reference.ErrUnavailable, err)
	}
	return crockford.EncodeToString(b[:]), nil
}
