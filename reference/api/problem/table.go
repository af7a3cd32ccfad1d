package problem

import (
	"context"
	"errors"
	"net/http"

	"github.com/epsbench/epsbench/reference"
)

func kind(status int, name, title, detail string) Problem {
	return Problem{Type: typePrefix + name, Title: title, Status: status, Detail: detail}
}

// The problems that this project answers with. With gives one a detail of its own.
func Malformed() Problem {
	return kind(http.StatusBadRequest, "malformed", "Malformed request", "")
}

// Unauthenticated: no client certificate of the right authority.
func Unauthenticated() Problem {
	return kind(http.StatusUnauthorized, "unauthenticated", "Who are you?", "this listener asks for a client certificate")
}

// Forbidden: a known caller without the role that the call asks for.
func Forbidden() Problem {
	return kind(http.StatusForbidden, "forbidden", "Not your role", "the certificate has no role that may do this")
}

// NotFound also stands for a route that does not exist.
func NotFound() Problem {
	return kind(http.StatusNotFound, "not-found", "Not found", "there is nothing under this name")
}

// MethodNotAllowed sets Allow on the answer (RFC 9110 §15.5.6).
func MethodNotAllowed(w http.ResponseWriter, allow string) Problem {
	w.Header().Set("Allow", allow)
	return kind(http.StatusMethodNotAllowed, "method-not-allowed", "Method not allowed", "allowed: "+allow)
}

// Conflict: the thing is not in the state that the call asks for.
func Conflict() Problem {
	return kind(http.StatusConflict, "conflict", "State has changed", "it is not in a state that allows this")
}

// Exists: what the call would make is there already.
func Exists() Problem {
	return kind(http.StatusConflict, "exists", "Exists already", "it was made before; what was disclosed then is not disclosed again")
}

// TooLarge: a body above the limit in bytes.
func TooLarge(limit int64) Problem {
	return kind(http.StatusRequestEntityTooLarge, "too-large", "Body too large", "").With("at most %d bytes", limit)
}

// MediaType: a body of another content type than want, or an encoded one.
func MediaType(want string) Problem {
	return kind(http.StatusUnsupportedMediaType, "media-type", "Unsupported media type", "send "+want+", not compressed")
}

// Refused: no reason is told.
func Refused() Problem {
	return kind(http.StatusForbidden, "refused", "Refused", "")
}

// Unavailable: the HSM, the store or the authentication server does not answer.
func Unavailable() Problem {
	return kind(http.StatusServiceUnavailable, "unavailable", "Temporarily unavailable", "nothing was changed that a second try would not find; try again")
}

// Internal is every error that no table knows. The log has it under the trace id.
func Internal() Problem {
	return kind(http.StatusInternalServerError, "internal", "Internal error", "the log has the reason under the trace id")
}

// table turns the errors of the domain into problems; nothing else does.
var table = []struct {
	is      error
	problem Problem
}{
	// First: of what could not be asked, nothing else is known.
	{reference.ErrUnavailable, Unavailable()},
	{reference.ErrInvalid, Malformed().With("a field is out of its bounds")},
	{reference.ErrNotFound, NotFound()},
	{reference.ErrExists, Exists()},
	{reference.ErrConflict, Conflict()},
	{reference.ErrRefused, Refused()},
	{context.DeadlineExceeded, Unavailable()},
	{context.Canceled, Unavailable()},
}

// Of gives the problem that a caller may see of err: a Problem in its chain, else
// the table's, else Internal. Text of err is never in it.
func Of(err error) Problem {
	var p Problem
	if errors.As(err, &p) {
		return p
	}
	for _, row := range table {
		if errors.Is(err, row.is) {
			return row.problem
		}
	}
	return Internal()
}
