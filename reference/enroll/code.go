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

// join is the code as people get it: in MPP v1 the locator only names the row.
func (i issue) join() reference.Secret {
	return reference.JoinCode(spoken(i.row.MPP, i.row.Locator), i.digits)
}

// spoken is the locator as far as it is a part of the code.
func spoken(mpp int, locator string) string {
	if mpp == literal {
		return ""
	}
	return locator
}

// wanted is what a code is to be like.
type wanted struct {
	mpp      int
	digits   int
	validity time.Duration
}

// newCode draws a code for a token. That no code is issued twice is the store's
// doing: a locator and an index are taken for ever.
func (s *Service) newCode(ctx context.Context, t reference.Token, w wanted) (issue, error) {
	locator, code, err := s.parts.Codes(s.parts.Random, w.digits)
	if err != nil {
		return issue{}, err
	}
	now := s.parts.Clock.Now()
	i := issue{reference.RegistrationCode{
		Locator: locator, MPP: w.mpp, Token: t.ID, Service: t.Service,
		State: reference.CodeLive, Expires: now.Add(w.validity), Created: now,
	}, code}
	if err := s.keep(ctx, &i); err != nil {
		i.clear()
		return issue{}, err
	}
	return i, nil
}

// keep puts into the row what the database may know of a code: its keyed index, and what
// the format of the rows wants kept.
func (s *Service) keep(ctx context.Context, i *issue) error {
	input, err := reference.CodeIndex(i.row.Service, spoken(i.row.MPP, i.row.Locator), i.digits)
	defer clear(input)
	if err != nil {
		return err
	}
	rc := i.join()
	defer rc.Clear()
	return s.parts.HSM.Do(ctx, func(ss *hsm.Session) error {
		idx, err := s.parts.Keys.IDX(ctx)
		if err != nil {
			return fmt.Errorf("IDX: %w", err)
		}
		if i.row.Index, err = ss.KeptMAC(idx, crypto.SHA256, input); err != nil {
			return err
		}
		i.row.Sealed, err = s.parts.Rows.SealCode(ctx, ss, rc.Bytes())
		return err
	})
}
