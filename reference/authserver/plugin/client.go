package plugin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/problem"
)

// Path is where the authentication server takes messages.
const Path = "/plugin/v1"

const mediaType = "application/cbor"

// Keys are the two HMAC-SHA-256 keys of a pairing, as one side has them. Neither
// key leaves its HSM.
type Keys interface {
	// Sign gives the MAC of data: under PLK at the EPS, PLK-R at the authentication server.
	Sign(ctx context.Context, data []byte) ([]byte, error)
	// Verify gives ErrForged when mac is not that of data under the other key.
	Verify(ctx context.Context, data, mac []byte) error
}

// ErrForged is a MAC that does not fit.
var ErrForged = errors.New("wrong MAC on a plug-in message")

// Client is the EPS's side. Its errors are of two kinds: reference.ErrRefused, which
// the authentication server has authenticated and which is final, and
// reference.ErrUnavailable, after which nothing is known and the same call may be repeated.
type Client struct {
	url     string
	http    *http.Client
	keys    Keys
	timeout time.Duration
}

// NewClient speaks to the authentication server at base ("https://host:port") over h,
// which brings the client certificate. timeout bounds each call.
func NewClient(base string, h *http.Client, keys Keys, timeout time.Duration) *Client {
	return &Client{url: base + Path, http: h, keys: keys, timeout: timeout}
}

// Create hands a token over.
func (c *Client) Create(ctx context.Context, r Registration) error { return c.send(ctx, r.message()) }

// Cancel undoes a create, also one that has not arrived yet. key is its own
// idempotency key, not that of the create.
func (c *Client) Cancel(ctx context.Context, key string, token reference.TokenID) error {
	return c.send(ctx, Message{Op: Cancel, Key: key, Token: token})
}

// SetState moves a token: op is "suspend", "resume" or "revoke".
func (c *Client) SetState(ctx context.Context, key string, token reference.TokenID, op string) error {
	return c.send(ctx, Message{Op: Op(op), Key: key, Token: token})
}

// Activate has an OTP judged for a token that waits for activation: reference.ErrRefused
// says that it is not, or no longer, to be activated by it. key is that of the try.
func (c *Client) Activate(ctx context.Context, key string, token reference.TokenID, a Attempt) error {
	blob, err := a.encode()
	if err != nil {
		return fmt.Errorf("activate token %s: %w", token, err)
	}
	return c.send(ctx, Message{Op: Activate, Key: key, Token: token, Blob: blob})
}

// Settle asks how the Activate of the same key ended. One that has not come is refused
// from then on.
func (c *Client) Settle(ctx context.Context, key string, token reference.TokenID) error {
	return c.send(ctx, Message{Op: Settle, Key: key, Token: token})
}

func (c *Client) send(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := signed(ctx, c.keys, m)
	if err != nil {
		return fmt.Errorf("%s token %s: %w", m.Op, m.Token, err)
	}
	result, err := c.exchange(ctx, request)
	switch {
	case err != nil:
		return fmt.Errorf("%s token %s: %w: %w", m.Op, m.Token, reference.ErrUnavailable, err)
	case result != Done:
		return fmt.Errorf("%s token %s: authentication server: %w", m.Op, m.Token, reference.ErrRefused)
	}
	return nil
}

// signed gives m in its envelope.
func signed(ctx context.Context, keys Keys, m Message) ([]byte, error) {
	body, err := Encode(m)
	if err != nil {
		return nil, err
	}
	mac, err := keys.Sign(ctx, body)
	if err != nil {
		return nil, fmt.Errorf("sign: %w: %w", reference.ErrUnavailable, err)
	}
	return seal(body, mac)
}

// exchange posts request and gives the authenticated result.
func (c *Client) exchange(ctx context.Context, request []byte) (Result, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(request))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", mediaType)
	problem.Propagate(ctx, r.Header)
	answer, err := c.http.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("authentication server answers %s", answer.Status)
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, MaxMessage+1))
	if err != nil {
		return "", err
	}
	return c.result(ctx, b, request)
}

// result believes an answer only if it is under PLK-R and answers this request.
func (c *Client) result(ctx context.Context, answer, request []byte) (Result, error) {
	body, mac, err := open(answer)
	if err != nil {
		return "", err
	}
	if err := c.keys.Verify(ctx, body, mac); err != nil {
		return "", err
	}
	return decodeReply(body, request)
}
