package phone

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// ErrNotActivated: the EPS has refused. It does not say why.
var ErrNotActivated = errors.New("the token was not activated")

// Activate has the EPS make the token active, by the ticket that came with it and the next
// OTP of pin. The ticket is forgotten when that is done. An OTP that has no answer is sent
// again, as it is: the EPS answers the same. It is not kept for later, as an OTP beside C
// would tell the right PIN; the next call makes the next one.
func (d *Device) Activate(ctx context.Context, c *http.Client, p Pinned, pin []byte, now time.Time, k Keeper) error {
	if len(d.Ticket) == 0 {
		return fmt.Errorf("%w: no ticket: the token is active, or needs no activation", ErrDevice)
	}
	address, err := p.activation()
	if err != nil {
		return err
	}
	otp, err := d.OTP(pin, now, k)
	if err != nil {
		return err
	}
	body, err := wire.NewActivation(d.Service, d.Token, d.Ticket, otp).Encode()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDevice, err)
	}
	defer clear(body)
	answer, err := insist(ctx, c, address, body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTransport, err)
	}
	if !hmac.Equal(answer, wire.ActivationProof(d.Ticket, body)) {
		return ErrNotActivated
	}
	clear(d.Ticket)
	d.Ticket = []byte{}
	return k.Keep(d)
}

// insist posts until there is an answer, a few times.
func insist(ctx context.Context, c *http.Client, address string, body []byte) (answer []byte, err error) {
	const times = 3
	for range times {
		if answer, err = post(ctx, c, address, body); err == nil || ctx.Err() != nil {
			return answer, err
		}
	}
	return nil, err
}

// activation is where the public listener of the pinned EPS takes activations.
func (p Pinned) activation() (string, error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%w: url must begin with https://", ErrPinned)
	}
	u.Path = wire.ActivationPath
	return u.String(), nil
}
