package conformance

import (
	"context"
	"net/http"
	"time"
)

// Listeners knows the surfaces of the target and every documented route.
type Listeners interface {
	Surfaces() []Surface
}

// Surface is one listener. Client speaks to it with the best credentials that exist for it;
// Stranger with none.
type Surface struct {
	Name             string // "bank", "public", "operations", "plugin", "auth"
	URL              string
	Client, Stranger *http.Client
	Routes           []Route
}

// Route is one documented method and path; Body is a valid body, where it takes one.
type Route struct {
	Method, Path, ContentType string
	Body                      []byte
	Safe                      bool         // changes nothing
	Client                    *http.Client // who may call it; nil: the surface's Client
	MPP                       int          // version of the provisioning protocol, of a phone's route
	Activation                bool         // the phone's route of activation
}

// Logs gives all that the target has logged since it started, with what its process has
// written to its standard output and error.
type Logs interface {
	Logs(ctx context.Context) ([]byte, error)
}

// Auditor reads and verifies the audit.
type Auditor interface {
	Audit(ctx context.Context, token string) ([]AuditEntry, error)
	VerifyAudit(ctx context.Context) error
}

// AuditEntry is one record.
type AuditEntry struct {
	Event, Token, Detail string
	At                   time.Time
}
