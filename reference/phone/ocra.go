package phone

import (
	"fmt"
	"math"
	"time"

	"github.com/epsbench/epsbench/reference/oath"
)

// Question is what a phone is asked (RFC 6287).
type Question struct {
	Text    string
	Session string // session information, where the suite has a place for it
}

// Respond computes the response to a question with pin. A counter is kept before the
// response is known, so that none is ever shown twice. No PIN is refused: a wrong one gives
// the response of another TOK. The error is oath.ErrInput for what the suite is not asked.
func (d *Device) Respond(pin []byte, q Question, now time.Time, k Keeper) (string, error) {
	suite, err := oath.ParseSuite(d.Suite)
	if err == nil && suite.Kind != oath.KindOCRA {
		err = fmt.Errorf("%s makes OTPs", suite)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrDevice, err)
	}
	in := oath.Input{Counter: d.Counter, Questions: []string{q.Text}, Session: []byte(q.Session), Step: suite.Step(now)}
	if _, err := suite.DataInput(in); err != nil {
		return "", err
	}
	if suite.Counts() {
		if err := d.count(k); err != nil {
			return "", err
		}
	}
	return d.withTOK(suite, pin, func(mac oath.MAC) (string, error) { return suite.Response(mac, in) })
}

// count keeps the counter after the one that is used next.
func (d *Device) count(k Keeper) error {
	if d.Counter == math.MaxUint64 {
		return fmt.Errorf("%w: the counter is at its end", ErrDevice)
	}
	d.Counter++
	if err := k.Keep(d); err != nil {
		return fmt.Errorf("keep the counter: %w", err)
	}
	return nil
}
