package conformance

import (
	"context"
	"time"
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
// itself are interfaces of this package; Capabilities says which of them hold.
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
	CanEnrol      Capability = "enrolment"   // Enroller
	CanProvision  Capability = "phone"       // Provisioner
	CanValidate   Capability = "validation"  // Validator
	CanImportSeed Capability = "seed-import" // SeedImporter
	CanSetClock   Capability = "clock"       // Clock
	CanReadDB     Capability = "db-read"     // Database
	CanReadLogs   Capability = "logs"        // Logs
	CanSeeRoutes  Capability = "listeners"   // Listeners
	CanRestart    Capability = "restart"     // Restarter
	CanTraceHSM   Capability = "hsm-trace"   // HSMTracer
	CanSeeObjects Capability = "hsm-objects" // HSMObjects
	CanTellKeys   Capability = "hsm-keys"    // HSMKeys
	CanTwin       Capability = "second-eps"  // Twin
	CanReadAudit  Capability = "audit-read"  // Auditor
	CanTapPlugin  Capability = "plugin-tap"  // PluginTap
	CanUnlock     Capability = "unlock"      // Unlocker
	CanChallenge  Capability = "challenges"  // Challenger
	CanCallModule Capability = "module"      // ModuleHolder
	CanPromise    Capability = "promises"    // Promiser
	// CanTellStrategies is Strategist.
	CanTellStrategies Capability = "strategies"
	CanWriteDB        Capability = "db-write"          // DatabaseWriter
	CanSetKDF         Capability = "kdf-cost"          // KDFSetter
	CanNode           Capability = "second-node"       // Nodes
	CanResync         Capability = "resynchronisation" // Resynchroniser
	CanAbort          Capability = "rollback"          // Aborter
	CanForge          Capability = "plugin-answers"    // PluginImpostor
	CanActivate       Capability = "activation"        // Activations
	CanReadMemory     Capability = "process-memory"
	CanKill           Capability = "kill"    // Killer
	CanBreak          Capability = "outages" // Breaker
	CanControlHSM     Capability = "hsm-control"
)

// Capabilities is a set of them.
type Capabilities map[Capability]bool

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

// Twin starts a second target of the same kind with its own keys and name.
type Twin interface {
	Twin(ctx context.Context) (Target, error)
}

// Nodes starts a second server of each kind on the target's keys and databases, with
// connections of its own. It ends with the target, or before.
type Nodes interface {
	Node(ctx context.Context) (Target, error)
}
