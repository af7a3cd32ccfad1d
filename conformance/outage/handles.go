package outage

import (
	"context"
	"errors"

	"github.com/miekg/pkcs11"
)

// handles counts the objects in the EPS's token, those of sessions too. The servers are in
// this process or the library knows all sessions: a token shows them either way.
func (s *site) handles(ctx context.Context) (n int, err error) {
	slot, err := s.target.HSM(ctx, "eps")
	if err != nil {
		return 0, err
	}
	m := slot.Module
	sh, err := m.OpenSession(slot.ID, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.CloseSession(sh)) }()
	if err := m.FindObjectsInit(sh, nil); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, m.FindObjectsFinal(sh)) }()
	for {
		found, _, err := m.FindObjects(sh, 100)
		n += len(found)
		if err != nil || len(found) == 0 {
			return n, err
		}
	}
}
