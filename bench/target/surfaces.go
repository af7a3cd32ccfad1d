package target

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
	"github.com/epsbench/epsbench/reference/server"
)

// noToken is a well-formed id that no token has.
const noToken = "00000000000000000000000000"

// Surfaces are the five listeners. Client is the caller with the most rights there.
func (s *system) Surfaces() []conformance.Surface {
	var all []conformance.Surface
	for _, l := range []struct {
		listener api.Listener
		client   string
	}{{api.Bank, "bank-issuer"}, {api.Public, ""}, {api.Operations, "admin"}} {
		surface := s.surface(string(l.listener), l.client)
		surface.Routes = slices.DeleteFunc(documented(string(l.listener)), s.off)
		all = append(all, surface)
	}
	plug := s.surface("plugin", "eps-plugin")
	plug.Routes = []conformance.Route{{Method: http.MethodPost, Path: plugin.Path, ContentType: "application/cbor", Body: []byte{0x80}}}
	auth := s.surface("auth", "bank-validator")
	auth.Routes = documented("auth")
	all = append(all, plug, auth)
	for _, surface := range all {
		for i, r := range surface.Routes {
			if name := callers[surface.Name+" "+r.Path]; name != "" {
				surface.Routes[i].Client = s.clients.byName[name]
			}
		}
	}
	return all
}

// phoneRoutes are those of MPP, by version.
var phoneRoutes = map[string]int{wire1.Path: 1, wire.Path: 2}

// off holds for the route of a version that the configuration leaves out, and for that of
// activation where it is not asked for.
func (s *system) off(r conformance.Route) bool {
	return r.MPP != 0 && !slices.Contains(s.settings().MPP.Versions, r.MPP) || r.Activation && !s.settings().Activation.Required
}

// callers are the certificates of routes that ask for another role than their
// surface's client has.
var callers = map[string]string{
	"bank /v1/audit": "bank-auditor", "operations /v1/keys": "custodian",
	"auth /v1/import": "bank-importer", "auth /v1/import-key": "bank-importer",
	"auth /v1/tokens/" + noToken: "operator-a", "auth /v1/unlocks": "operator-a",
	"auth /v1/unlocks/" + noToken + "/confirm": "operator-a",
}

// documented gives the routes of a listener that has an OpenAPI file; they are the caller's
// to change.
func documented(listener string) []conformance.Route { return slices.Clone(documents()[listener]) }

// documents are the routes of the OpenAPI files, by listener. They are read once: suites ask
// for surfaces before each call.
var documents = sync.OnceValue(func() map[string][]conformance.Route {
	all := map[string][]conformance.Route{"auth": parsed(authserver.OpenAPI)}
	for _, l := range []api.Listener{api.Bank, api.Public, api.Operations} {
		all[string(l)] = parsed(api.Document(l))
	}
	return all
})

// parsed gives the routes of an OpenAPI file. The files are embedded and checked by
// the tests of their packages.
func parsed(file []byte) []conformance.Route {
	doc, err := openapi3.NewLoader().LoadFromData(file)
	if err != nil {
		panic(fmt.Sprintf("embedded OpenAPI file: %v", err))
	}
	var routes []conformance.Route
	for _, path := range doc.Paths.InMatchingOrder() {
		for method := range doc.Paths.Value(path).Operations() {
			routes = append(routes, route(method, path))
		}
	}
	return routes
}

func (s *system) surface(name, client string) conformance.Surface {
	return conformance.Surface{Name: name, URL: s.url(name), Client: s.clients.byName[client], Stranger: s.clients.byName[""]}
}

// bodies are well-formed ones for the routes that take one.
var bodies = map[string]struct{ contentType, body string }{
	"/v1/tokens":                         {"application/json", `{"service":"bank.example","user":"route-matrix"}`},
	"/v1/validate":                       {"application/json", `{"service":"bank.example","user":"route-matrix","otp":"000000"}`},
	"/v1/resynchronise":                  {"application/json", `{"service":"bank.example","user":"route-matrix","otps":["000000","000001"]}`},
	"/v1/challenges":                     {"application/json", `{"service":"bank.example","user":"route-matrix"}`},
	"/v1/challenges/{challenge}/respond": {"application/json", `{"service":"bank.example","user":"route-matrix","response":"00000000"}`},
	"/v1/unlocks":                        {"application/json", `{"token":"` + noToken + `"}`},
	"/v1/import":                         {"application/json", `{}`},
	wire1.Path:                           {wire.ContentType, "\x80"},
	wire.Path:                            {wire.ContentType, "\x80"},
	wire.ActivationPath:                  {wire.ContentType, "\x80"},
}

func route(method, path string) conformance.Route {
	r := conformance.Route{Method: method, Safe: method == http.MethodGet, MPP: phoneRoutes[path], Activation: path == wire.ActivationPath}
	if b, ok := bodies[path]; ok && method == http.MethodPost {
		r.ContentType, r.Body = b.contentType, []byte(b.body)
	}
	r.Path = strings.NewReplacer("{token}", noToken, "{unlock}", noToken, "{challenge}", noToken).Replace(path)
	return r
}

// Audit reads the records of a token as the bank's auditor.
func (s *system) Audit(ctx context.Context, token string) ([]conformance.AuditEntry, error) {
	var all []conformance.AuditEntry
	for after := uint64(0); ; {
		q := url.Values{"token": {token}, "after": {strconv.FormatUint(after, 10)}, "limit": {"1000"}}
		if token == "" {
			q.Del("token")
		}
		var page struct {
			Records []struct {
				Seq          uint64
				At           time.Time
				Event, Token string
				Detail       json.RawMessage
			}
			Next uint64
		}
		if err := s.call(ctx, "bank-auditor", http.MethodGet, s.url("bank")+"/v1/audit?"+q.Encode(), nil, &page); err != nil {
			return nil, err
		}
		for _, r := range page.Records {
			all = append(all, conformance.AuditEntry{Event: r.Event, Token: r.Token, Detail: string(r.Detail), At: r.At})
		}
		if after = page.Next; after == 0 {
			return all, nil
		}
	}
}

// VerifyAudit checks the chain against the anchor outside the database.
func (s *system) VerifyAudit(ctx context.Context) error {
	mac := server.AuditMAC(s.hsm, s.eps.Keys())
	report, err := audit.Verify(ctx, s.stores.eps, s.config().Node, mac, audit.FileAnchor(s.config().Audit.Anchor))
	if err == nil && report.Problem != nil {
		err = report.Problem
	}
	return err
}

// Declared is what the reference EPS says of itself: the values of its configuration, to
// which a mutant does not hold.
func (s *system) Declared() conformance.Declared {
	c := s.settings()
	var activation conformance.ActivationLimits
	if c.Activation.Required {
		activation = conformance.ActivationLimits{Tries: c.Activation.Tries, Validity: c.Activation.Validity}
	}
	return conformance.Declared{
		PINDigits: c.Token.PINDigits, CodeDigits: c.Code.Digits, CodeTries: c.Code.Failures, CodeValidity: c.Code.Validity,
		Suite: c.Token.Suite, LockAfter: s.rules.Consecutive, LookAhead: s.rules.LookAhead, Window: s.rules.Drift,
		Resynchronise: s.rules.Resynchronise, Offset: s.rules.Offset,
		KDFIterations: c.KDF.Iterations, Services: []string{"bank.example", "shop.example"}, RefusalQuantum: mpp.Quantum,
		OTPQuantum: authserver.DefaultGrid,
		MPP:        c.MPP.Versions,
		Activation: activation,
		V1:         conformance.GuessingLimits{Rate: c.Limits.V1Rate, Burst: c.Limits.V1Burst, Validity: c.Code.V1Validity},
	}
}

// product is the name of the target; the literal profile is a part of it.
func (s *system) product() string {
	if s.profile == reference.Literal {
		return "reference EPS " + string(s.profile)
	}
	return "reference EPS"
}

// Identity names what was judged.
func (s *system) Identity() conformance.Identity {
	if s.former != nil {
		return *s.former
	}
	token := s.hsm.Info()
	id := conformance.Identity{
		Kind: conformance.KindEPS, Name: s.product(), Version: server.Version,
		HSM: map[string]string{
			"kind": s.slots.kind, "library": token.Library, "manufacturer": token.Manufacturer,
			"model": token.Model, "firmware": token.Firmware,
		},
		Profile:    string(s.profile),
		Settings:   settings[s.options.Profile],
		Store:      map[string]string{},
		AuthServer: map[string]string{"name": server.DefaultAuthServer().Name, "version": server.Version},
	}
	if s.options.Personality != "" {
		id.HSM["personality"] = s.options.Personality
	}
	if s.options.Fault != "" {
		id.HSM["fault"] = s.options.Fault
	}
	for _, c := range s.hsm.Choices() {
		id.HSM["strategy "+c.Operation] = c.Strategy
	}
	if info, err := s.stores.eps.Info(context.Background()); err == nil {
		id.Store["engine"], id.Store["version"] = info.Engine, info.Version
	}
	if s.stores.server != nil {
		id.Store["server"] = s.stores.server.Kind()
	}
	return id
}
