package conformance

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net/http"
	"time"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Kind is what a target is.
type Kind string

const (
	KindEPS        Kind = "eps"
	KindAuthServer Kind = "authserver"
	KindModule     Kind = "module"
	KindPhone      Kind = "phone" // an SDK on a phone; no target yet
	KindCard       Kind = "card"  // a smart card with its reader; no target yet
)

// Target is a system under judgement. What it lets the bench do beyond naming
// itself are the interfaces of this file; Capabilities says which of them hold.
type Target interface {
	Identity() Identity
	Capabilities() Capabilities
	Close() error
}

// Identity is what was judged, for the head of the report.
type Identity struct {
	Kind     Kind              `json:"kind"`
	Name     string            `json:"name"`
	Version  string            `json:"version"`
	Profile  string            `json:"profile,omitempty"`  // of what it stores, where it has more than one
	Settings string            `json:"settings,omitempty"` // what is cheaper than in production, for people
	HSM      map[string]string `json:"hsm"`                // kind, library, model, firmware, one entry a strategy
	Store    map[string]string `json:"store"`              // engine, version
	// AuthServer is the authentication server's name and version.
	AuthServer map[string]string `json:"authserver,omitempty"`
}

// Capability is something that a target lets the bench do. The catalogue names
// those that a claim needs; Run applies them before each spec.
type Capability string

// Each capability is the interface of the same meaning.
const (
	CanEnrol      Capability = "enrolment"         // Enroller
	CanProvision  Capability = "phone"             // Provisioner
	CanValidate   Capability = "validation"        // Validator
	CanImportSeed Capability = "seed-import"       // SeedImporter
	CanSetClock   Capability = "clock"             // Clock
	CanReadDB     Capability = "db-read"           // Database
	CanReadLogs   Capability = "logs"              // Logs
	CanSeeRoutes  Capability = "listeners"         // Listeners
	CanRestart    Capability = "restart"           // Restarter
	CanTraceHSM   Capability = "hsm-trace"         // HSMTracer
	CanSeeObjects Capability = "hsm-objects"       // HSMObjects
	CanTwin       Capability = "second-eps"        // Twin
	CanReadAudit  Capability = "audit-read"        // Auditor
	CanTapPlugin  Capability = "plugin-tap"        // PluginTap
	CanUnlock     Capability = "unlock"            // Unlocker
	CanChallenge  Capability = "challenges"        // Challenger
	CanCallModule Capability = "module"            // ModuleHolder
	CanWriteDB    Capability = "db-write"          // DatabaseWriter
	CanSetKDF     Capability = "kdf-cost"          // KDFSetter
	CanNode       Capability = "second-node"       // Nodes
	CanResync     Capability = "resynchronisation" // Resynchroniser
	CanAbort      Capability = "rollback"          // Aborter
	CanForge      Capability = "plugin-answers"    // PluginImpostor
	CanActivate   Capability = "activation"        // Activations
	CanReadMemory Capability = "process-memory"
	CanKill       Capability = "kill"    // Killer
	CanBreak      Capability = "outages" // Breaker
	CanControlHSM Capability = "hsm-control"
)

// Capabilities is a set of them.
type Capabilities map[Capability]bool

// Enroller plays the bank.
type Enroller interface {
	Enrol(ctx context.Context, e EnrolRequest) (Enrolled, error)
	Status(ctx context.Context, token string) (state string, err error)
	Change(ctx context.Context, token, operation string) error // "revoke", "suspend", "resume"
	Reissue(ctx context.Context, token string) (registrationCode string, err error)
	// Declared is what the target says of itself.
	Declared() Declared
}

// Refused is a call that the target answered with an HTTP error.
type Refused struct {
	Status int
	Title  string // of the problem document
}

// Error tells status and title.
func (r *Refused) Error() string { return fmt.Sprintf("HTTP %d %s", r.Status, r.Title) }

// EnrolRequest asks for a token; zero fields leave the choice to the target.
type EnrolRequest struct {
	Service, User string
	Suite         string
	PINDigits     int
	Validity      time.Duration
	MPP           int // version of the provisioning protocol that the code is for
}

// Enrolled is what the bank gets, once. RegistrationCode is "LOCATOR-DIGITS", or "DIGITS"
// for MPP v1.
type Enrolled struct {
	Token, PIN, RegistrationCode string
	Expires                      time.Time
}

// Declared are the limits that a target states (TARGET.md, declared).
type Declared struct {
	PINDigits      int
	CodeDigits     int
	CodeTries      int
	CodeValidity   time.Duration
	Suite          string
	LockAfter      int // consecutive failures
	LookAhead      int // HOTP
	Window         int // TOTP, steps to either side
	Resynchronise  int // HOTP, counters past the expected one at which a resynchronisation may begin
	Offset         int // TOTP, steps that the window may move as the phone's clock goes wrong
	KDFIterations  int
	Services       []string      // at least two
	RefusalQuantum time.Duration // refusals of provisioning leave on this grid
	OTPQuantum     time.Duration // refusals of OTPs leave on this grid; 0: on none

	MPP []int // versions of the provisioning protocol; none is version 2 alone
	V1  GuessingLimits

	Activation ActivationLimits
}

// GuessingLimits are what bounds guesses at codes without a locator, those of MPP v1:
// failures from all addresses together, and how long a code lives.
type GuessingLimits struct {
	Rate     float64 // a second
	Burst    int     // at once
	Validity time.Duration
}

// Provisioner carries bytes between a phone and the EPS; it understands none of them.
type Provisioner interface {
	// Provision posts body as a phone at the address from would (a loopback address, or empty).
	Provision(ctx context.Context, from string, body []byte) (Answer, error)
	Pinned() Pinned
}

// LiteralProvisioner does the same for MPP v1; a target that declares it is one.
type LiteralProvisioner interface {
	ProvisionV1(ctx context.Context, from string, body []byte) (Answer, error)
}

// Answer is an HTTP answer as it came.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Took   time.Duration
}

// Pinned is what the mobile application carries for its EPS.
type Pinned struct {
	EPS           string // name
	KeyID         []byte // 16 bytes
	Key           *rsa.PublicKey
	Suite         int // of PROTOCOL.md
	MinIterations int
	V1            *PinnedKey // of MPP v1; nil where it is not spoken
}

// PinnedKey is the key of one version of the protocol.
type PinnedKey struct {
	KeyID []byte // 16 bytes
	Key   *rsa.PublicKey
}

// Validator asks the authentication server about an OTP.
type Validator interface {
	Validate(ctx context.Context, service, user, otp string) (Validation, error)
}

// Validation is the answer to one OTP. Header and Raw, the whole body, are for the
// indistinguishability claims.
type Validation struct {
	Accepted bool
	Status   int
	Header   http.Header
	Raw      []byte
}

// Resynchroniser hands in OTPs in a row for a token that is too far ahead (RFC 4226 §7.4).
type Resynchroniser interface {
	Resynchronise(ctx context.Context, service, user string, otps ...string) (Validation, error)
}

// Unlocker plays the operators who clear a token's counts of failures, under dual control.
// Operators are 0 and 1. A call that the target turns down gives a *Refused.
type Unlocker interface {
	RequestUnlock(ctx context.Context, operator int, token string) (unlock string, err error)
	ConfirmUnlock(ctx context.Context, operator int, unlock string) error
}

// SeedImporter puts a known seed into the authentication server, as a test would. A seed
// that the target turns down gives a *Refused.
type SeedImporter interface {
	ImportSeed(ctx context.Context, s Seed) (token string, err error)
}

// Seed is an OATH secret with its suite ("HOTP-SHA1-6", "TOTP-SHA256-8-30", "OCRA-1:…") and
// first counter. OCRA suites with a PIN have its hash, and the number of its digits.
type Seed struct {
	Service, User, Suite string
	Secret               []byte
	Counter              uint64
	PINHash              []byte
	PINDigits            int
}

// Clock is the target's clock: a Part, never a route.
type Clock interface {
	Now() time.Time
	// SetClock stops the clock at a time; the zero time lets it follow the machine again.
	SetClock(time.Time)
}

// Restarter stops the target, lets calls under way finish, and starts it again on the
// same HSM and store. Its addresses may change.
type Restarter interface {
	Restart(ctx context.Context) error
}

// KDFSetter changes what the derivation of a KEK costs for tokens that are enrolled from
// then on, in iterations; 0 is the target's own setting again. The target may restart for it.
type KDFSetter interface {
	SetKDF(ctx context.Context, iterations int) error
}

// Database reads everything that the target stores.
type Database interface {
	// Dump gives every table of every database of the target.
	Dump(ctx context.Context) ([]Table, error)
	// Files gives the files that the database engine writes (data, journal, log) and all
	// others that the target's process leaves on disk, temporary ones too, but for the HSM's.
	Files(ctx context.Context) (map[string][]byte, error)
}

// Table is one table, dumped.
type Table struct {
	Database, Name string
	Columns        []string
	Rows           [][][]byte // nil: NULL
}

// DatabaseWriter changes what the target stores behind its back, as whoever holds the
// database could.
type DatabaseWriter interface {
	// Write puts one value in its place, and fails where no row, or more than one, changes.
	Write(ctx context.Context, c Cell) error
}

// Cell is one column of one row, with the value that it gets.
type Cell struct {
	Database, Table string // as in a Table
	Key, KeyValue   string // a column that is unique, and its value in the row
	Column          string
	Value           []byte // as a dump gives it
}

// Aborter has the authentication server's database take transactions back, as it does with
// one that it ends a deadlock by.
type Aborter interface {
	// Abort has the next n transactions that changed something rolled back instead of
	// committed, in place of what was asked for before.
	Abort(n int)
	Aborted() int // since
}

// Logs gives all that the target has logged since it started, with what its process has
// written to its standard output and error.
type Logs interface {
	Logs(ctx context.Context) ([]byte, error)
}

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

// HSMTracer gives the PKCS#11 calls of the target's HSM since the mark.
type HSMTracer interface {
	Mark() int
	Calls(since int) []HSMCall
}

// HSMCall is one call as a trace keeps it: names and lengths, never values.
type HSMCall struct {
	Slot      string // "eps" or "authserver"
	Function  string // "C_UnwrapKey"
	Mechanism string // "CKM_AES_KEY_WRAP"
	Session   uint
	Objects   []uint // handles given: the key; wrapping key, then wrapped key
	Made      []uint // handles returned
	Template  []HSMAttribute
	In, Out   []int // lengths of byte arguments and results
	Return    string
}

// HSMAttribute is an attribute of a template: small public values (booleans, classes, types, lengths) in clear, others by length.
type HSMAttribute struct {
	Name  string
	Value string
	Len   int
}

// HSMObjects opens a session of its own on the target's tokens: "eps" and "authserver".
type HSMObjects interface {
	HSM(ctx context.Context, which string) (Slot, error)
}

// Slot is a place on a module that is initialised already; PIN logs its user in.
type Slot struct {
	Module cryptoki.Module
	ID     uint
	PIN    string
}

// ModuleHolder lends a PKCS#11 module with a token that the suite may use: the target
// of kind module, or the HSM of an EPS.
type ModuleHolder interface {
	Slot(ctx context.Context) (Slot, error)
}

// Twin starts a second target of the same kind with its own keys and name.
type Twin interface {
	Twin(ctx context.Context) (Target, error)
}

// Nodes starts a second server of each kind on the target's keys and databases, with
// connections of its own. It ends with the target, or before.
type Nodes interface {
	Node(ctx context.Context) (Target, error)
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

// PluginTap sees what the EPS sends to the authentication server.
type PluginTap interface {
	PluginMessages() [][]byte
}

// PluginImpostor puts somebody else in the authentication server's place, behind its TLS, for
// what the EPS asks it. nil puts it back.
type PluginImpostor interface {
	Impersonate(Forger)
}

// Forger gives the answer to a message. genuine asks the authentication server what it would
// say, which then has taken the message.
type Forger func(message []byte, genuine func() []byte) []byte
