package authserver

import (
	"context"
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// errTampered is a row that this server has not written as it stands.
var errTampered = errors.New("row was changed from outside")

// resolution of the times in a row: what every database keeps.
const resolution = time.Millisecond

// rowFormat is that of the rows which this server writes. Format 1 has neither PINHash,
// Offset nor Activated; rows in it are believed while those have the values of before.
const rowFormat = 2

// canonical is what the MAC of a row covers: every field, under a label that tells the
// format, and the row from the other use of the row key (unlock requests).
func canonical(c *store.Credential) ([]byte, error) {
	fields := []any{
		fmt.Sprintf("epsbench credential %d", c.Format),
		c.Token, c.Service, c.User, c.State, c.Suite, c.Blob, c.TOKLength, c.PINDigits,
		c.Counter, c.Failures, c.FailedEver, c.Candidates, c.Imported, c.Version,
		c.Created.UnixMilli(), c.Updated.UnixMilli(),
	}
	switch {
	case c.Format == rowFormat:
		fields = append(fields, c.PINHash, c.Offset, c.Activated)
	case c.Format != 1 || c.Offset != 0 || !c.Activated || len(c.PINHash) > 0:
		return nil, fmt.Errorf("format %d: %w", c.Format, errTampered)
	}
	return encoding.Marshal(fields)
}

// encoding is deterministic. A blob that a database gives back as NULL is the empty one.
var encoding = func() cbor.EncMode {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	m, err := o.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return m
}()

// mac computes under the row key, which can only sign.
func (s *Server) mac(ctx context.Context, session *hsm.Session, data []byte) ([]byte, error) {
	key, err := s.keys.Row(ctx)
	if err != nil {
		return nil, fmt.Errorf("row key: %w", err)
	}
	return session.KeptMAC(key, crypto.SHA256, data)
}

func (s *Server) rowMAC(ctx context.Context, session *hsm.Session, c *store.Credential) ([]byte, error) {
	data, err := canonical(c)
	if err != nil {
		return nil, err
	}
	return s.mac(ctx, session, data)
}

// genuine checks the MAC of a row that was read; errTampered if it is not ours.
func (s *Server) genuine(ctx context.Context, session *hsm.Session, c *store.Credential) error {
	mac, err := s.rowMAC(ctx, session, c)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac, c.MAC) {
		return errTampered
	}
	return nil
}

// next gives c as its following version, under a new MAC.
func (s *Server) next(ctx context.Context, session *hsm.Session, c store.Credential) (store.Credential, error) {
	c.Version++
	c.Updated, c.Format = s.now(), rowFormat
	var err error
	c.MAC, err = s.rowMAC(ctx, session, &c)
	return c, err
}

func (s *Server) now() time.Time { return s.clock.Now().UTC().Truncate(resolution) }
