package enroll

import (
	"context"
	"fmt"
	"io"

	"github.com/epsbench/epsbench/reference/hsm"
)

// seal makes TOK in the HSM and leaves in d what may leave it: C in the format of the
// rows, TOK under TRK. KEK and C are on the host for the time of this call only.
func (s *Service) seal(ctx context.Context, d *draft) error {
	c := make([]byte, d.token.CLength)
	defer clear(c)
	if _, err := io.ReadFull(s.parts.Random, c); err != nil {
		return fmt.Errorf("draw C: %w", err)
	}
	kek, err := s.parts.KDF(d.pin, d.token.Salt, d.token.Iterations)
	defer clear(kek)
	if err != nil {
		return fmt.Errorf("KEK: %w", err)
	}
	return s.parts.HSM.Do(ctx, func(ss *hsm.Session) error {
		d.token.Direction = ss.Direction()
		if err := s.export(ctx, ss, d, kek, c); err != nil {
			return err
		}
		return s.parts.Rows.Seal(ctx, ss, &d.token, c)
	})
}

// export derives TOK from KEK and C and wraps it for the authentication server.
func (s *Service) export(ctx context.Context, ss *hsm.Session, d *draft, kek, c []byte) error {
	trk, version, err := s.parts.Keys.TRK(ctx, d.token.AuthServer)
	if err != nil {
		return fmt.Errorf("TRK: %w", err)
	}
	key, err := ss.ImportKEK(kek)
	if err != nil {
		return err
	}
	tok, err := ss.DeriveTokenKey(key, c, d.token.TOKLength)
	if err != nil {
		return err
	}
	if d.blob, err = ss.ExportUnderTransport(trk, tok); err != nil {
		return err
	}
	d.token.TRKVersion = version
	return ss.Destroy(key, tok)
}
