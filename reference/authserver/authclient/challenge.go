package authclient

import (
	"context"
	"net/http"
	"net/url"

	"github.com/epsbench/epsbench/reference/authserver"
)

// Challenge asks for a question to a user's token.
func (c *Client) Challenge(ctx context.Context, in authserver.ChallengeRequest) (out authserver.ChallengeAnswer, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/challenges", in, &out)
	return out, err
}

// Respond asks whether a response to a challenge is right.
func (c *Client) Respond(ctx context.Context, challenge string, in authserver.RespondRequest) (bool, error) {
	var out authserver.ValidateAnswer
	err := c.call(ctx, http.MethodPost, "/v1/challenges/"+url.PathEscape(challenge)+"/respond", in, &out)
	return out.Accepted, err
}
