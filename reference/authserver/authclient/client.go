// Package authclient calls an authentication server: what the bank's application
// does with OTPs, an importer with seeds, and two operators with a locked token.
//
// Start at Client. The calls are described in authserver.yaml.
package authclient

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/authserver"
)

// Client calls the authentication server at Base ("https://host:port") over HTTP, which
// brings the client certificate. Refused calls give a problem.Problem.
type Client struct {
	Base string
	HTTP *http.Client
}

// Validate asks whether otp is the user's next one.
func (c *Client) Validate(ctx context.Context, service reference.Service, user reference.User, otp string) (bool, error) {
	var out authserver.ValidateAnswer
	err := c.call(ctx, http.MethodPost, "/v1/validate", authserver.ValidateRequest{Service: service, User: user, OTP: otp}, &out)
	return out.Accepted, err
}

// Resynchronise asks whether otps are the user's, one after the other.
func (c *Client) Resynchronise(ctx context.Context, service reference.Service, user reference.User, otps ...string) (bool, error) {
	var out authserver.ValidateAnswer
	in := authserver.ResynchroniseRequest{Service: service, User: user, OTPs: otps}
	err := c.call(ctx, http.MethodPost, "/v1/resynchronise", in, &out)
	return out.Accepted, err
}

// Token gives state and counts of a token.
func (c *Client) Token(ctx context.Context, token reference.TokenID) (out authserver.TokenAnswer, err error) {
	err = c.call(ctx, http.MethodGet, "/v1/tokens/"+url.PathEscape(string(token)), nil, &out)
	return out, err
}

// RequestUnlock asks for a token's counts to be cleared.
func (c *Client) RequestUnlock(ctx context.Context, token reference.TokenID) (out authserver.UnlockAnswer, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/unlocks", authserver.UnlockRequest{Token: token}, &out)
	return out, err
}

// ConfirmUnlock carries out what another operator has asked for.
func (c *Client) ConfirmUnlock(ctx context.Context, unlock string) (out authserver.ConfirmAnswer, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/unlocks/"+url.PathEscape(unlock)+"/confirm", nil, &out)
	return out, err
}

// Health is nil when OTPs can be judged.
func (c *Client) Health(ctx context.Context) error {
	var out authserver.HealthAnswer
	return c.call(ctx, http.MethodGet, "/v1/health", nil, &out)
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 16 << 10

func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	r, err := c.request(ctx, method, path, in)
	if err != nil {
		return err
	}
	answer, err := c.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("%s %s: %w: %w", method, path, reference.ErrUnavailable, err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w: %w", method, path, reference.ErrUnavailable, err)
	}
	if answer.StatusCode/100 == 2 {
		return json.Unmarshal(body, out)
	}
	return fmt.Errorf("%s %s: %w", method, path, refusal(answer.StatusCode, body))
}

func (c *Client) request(ctx context.Context, method, path string, in any) (*http.Request, error) {
	if in == nil {
		return http.NewRequestWithContext(ctx, method, c.Base+path, nil)
	}
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	return r, nil
}

// refusal is the problem that the server tells, and what it means in this project's errors.
func refusal(status int, body []byte) error {
	var p problem.Problem
	if json.Unmarshal(body, &p) != nil || p.Status != status {
		return fmt.Errorf("HTTP status %d", status)
	}
	for code, meaning := range meanings {
		if status == code {
			return errors.Join(meaning, p)
		}
	}
	return p
}

var meanings = map[int]error{
	http.StatusNotFound:           reference.ErrNotFound,
	http.StatusConflict:           reference.ErrConflict,
	http.StatusForbidden:          reference.ErrRefused,
	http.StatusServiceUnavailable: reference.ErrUnavailable,
}
