package plugin

import (
	"context"
	"crypto"
	"errors"

	"github.com/epsbench/epsbench/reference/hsm"
)

// handles are a pairing's keys in an HSM.
type handles struct {
	hsm          *hsm.HSM
	sign, verify func(context.Context) (hsm.Key, error)
}

// HSMKeys are Keys of which this side has handles only: PLK and PLK-R at the EPS,
// PLK-R and PLK at the authentication server.
func HSMKeys(h *hsm.HSM, sign, verify func(context.Context) (hsm.Key, error)) Keys {
	return &handles{h, sign, verify}
}

func (k *handles) Sign(ctx context.Context, data []byte) (mac []byte, err error) {
	err = k.hsm.Do(ctx, func(s *hsm.Session) error {
		key, err := k.sign(ctx)
		if err != nil {
			return err
		}
		mac, err = s.MAC(key, crypto.SHA256, data)
		return err
	})
	return mac, err
}

func (k *handles) Verify(ctx context.Context, data, mac []byte) error {
	err := k.hsm.Do(ctx, func(s *hsm.Session) error {
		key, err := k.verify(ctx)
		if err != nil {
			return err
		}
		return s.VerifyMAC(key, crypto.SHA256, data, mac)
	})
	if errors.Is(err, hsm.ErrMAC) {
		return ErrForged
	}
	return err
}
