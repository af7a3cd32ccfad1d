package enroll

import (
	"context"
	"crypto"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// issue is a registration code on its way out: the row, and the digits that the row
// does not have.
type issue struct {
	row    reference.RegistrationCode
	digits []byte
}

func (i issue) clear() { clear(i.digits) }

// newCode draws a code for a token. That no code is issued twice is the store's
// doing: a locator is taken for ever.
func (s *Service) newCode(ctx context.Context, t reference.Token, digits int, validity time.Duration) (issue, error) {
	locator, code, err := s.parts.Codes(s.parts.Random, digits)
	if err != nil {
		return issue{}, err
	}
	index, err := s.index(ctx, t.Service, locator, code)
	if err != nil {
		clear(code)
		return issue{}, err
	}
	now := s.parts.Clock.Now()
	row := reference.RegistrationCode{
		Locator: locator, Index: index, Token: t.ID, Service: t.Service,
		State: reference.CodeLive, Expires: now.Add(validity), Created: now,
	}
	return issue{row, code}, nil
}

// index is the keyed index of a code: what the database may know of it.
func (s *Service) index(ctx context.Context, service reference.Service, locator string, code []byte) (index []byte, err error) {
	input, err := reference.CodeIndex(service, locator, code)
	defer clear(input)
	if err != nil {
		return nil, err
	}
	err = s.parts.HSM.Do(ctx, func(ss *hsm.Session) error {
		idx, err := s.parts.Keys.IDX(ctx)
		if err != nil {
			return fmt.Errorf("IDX: %w", err)
		}
		index, err = ss.MAC(idx, crypto.SHA256, input)
		return err
	})
	return index, err
}
