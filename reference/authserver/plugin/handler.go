package plugin

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/problem"
)

// Service does what authentic messages ask for. digest is the SHA-256 of the message's
// bytes, for idempotency. An error means that nothing is known: the EPS asks again.
type Service interface {
	Apply(ctx context.Context, m Message, digest [sha256.Size]byte) (Result, error)
}

// Handler answers POST /plugin/v1.
type Handler struct {
	Keys    Keys
	Service Service
	Log     *slog.Logger
}

// ServeHTTP answers one message of the EPS.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := read(w, r)
	if err != nil {
		problem.Write(w, r, problem.Of(err))
		return
	}
	answer, err := h.answer(r.Context(), request)
	if err != nil {
		h.Log.WarnContext(r.Context(), "plug-in message not answered", "err", err)
		problem.Write(w, r, problemOf(err))
		return
	}
	w.Header().Set("Content-Type", mediaType)
	_, _ = w.Write(answer) // the caller has gone
}

// problemOf maps what cannot be answered under PLK-R.
func problemOf(err error) problem.Problem {
	switch {
	case errors.Is(err, ErrForged):
		return problem.Refused()
	case errors.Is(err, ErrMalformed):
		return problem.Malformed()
	}
	return problem.Of(err)
}

func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, problem.MethodNotAllowed(w, http.MethodPost)
	}
	if r.Header.Get("Content-Type") != mediaType || r.Header.Get("Content-Encoding") != "" {
		return nil, problem.MediaType(mediaType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxMessage))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, problem.TooLarge(MaxMessage)
	}
	if err != nil {
		return nil, problem.Malformed().With("the body cannot be read")
	}
	return body, nil
}

func (h *Handler) answer(ctx context.Context, request []byte) ([]byte, error) {
	body, mac, err := open(request)
	if err != nil {
		return nil, err
	}
	if err := h.Keys.Verify(ctx, body, mac); err != nil {
		return nil, err
	}
	result, err := h.apply(ctx, body)
	if err != nil {
		return nil, err
	}
	return h.signedReply(ctx, request, result)
}

// apply refuses, under a MAC, what is authentic and yet malformed: asking again
// would not mend it.
func (h *Handler) apply(ctx context.Context, body []byte) (Result, error) {
	m, err := Decode(body)
	if err != nil {
		h.Log.WarnContext(ctx, "authentic plug-in message refused", "err", err)
		return Refused, nil
	}
	return h.Service.Apply(ctx, m, sha256.Sum256(body))
}

func (h *Handler) signedReply(ctx context.Context, request []byte, result Result) ([]byte, error) {
	body, err := encodeReply(request, result)
	if err != nil {
		return nil, err
	}
	mac, err := h.Keys.Sign(ctx, body)
	if err != nil {
		return nil, fmt.Errorf("sign the reply: %w: %w", reference.ErrUnavailable, err)
	}
	return seal(body, mac)
}
