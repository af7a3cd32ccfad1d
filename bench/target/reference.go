// Package target opens what the bench judges, behind the interfaces of package
// conformance.
//
// Start at Reference: the EPS and the authentication server of this project, in
// this process, on an HSM and a database of choice.
package target

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/mutants"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/server"
)

// What a profile has cheaper than it is in production; the report says so. A missing entry
// leaves what the server does by itself.
var (
	iterations = map[conformance.Profile]int{conformance.Quick: 1_000} // of PBKDF2
	rsaBits    = map[conformance.Profile]int{conformance.Quick: 2048}
	settings   = map[conformance.Profile]string{conformance.Quick: "PBKDF2 of 1,000 iterations, RSA of 2,048 bits: cheaper than production's 100,000 and 3,072"}
)

// Reference is the reference EPS with its authentication server.
var Reference = run.Target{
	Name:    "reference",
	About:   "the reference EPS and authentication server, in one process",
	Prepare: prepare,
	Open:    opener(reference.Default),
}

// Literal is the same with the profile that stores what seed 000 §6.2 lists, to the letter.
var Literal = run.Target{
	Name:    "reference:" + string(reference.Literal),
	About:   "the same, storing seed 000 §6.2 to the letter: its weaknesses are to be seen",
	Prepare: prepare,
	Open:    opener(reference.Literal),
}

func opener(p reference.Profile) func(context.Context, run.Options) (conformance.Target, error) {
	return func(ctx context.Context, o run.Options) (conformance.Target, error) {
		return open(ctx, o, "eps.example", p)
	}
}

// system is a running reference EPS. It implements every interface of
// conformance that it has a capability for.
type system struct {
	options run.Options
	dir     string
	name    string // of the EPS
	profile reference.Profile
	node    string // of it in the audit, where it is not the first
	// activation is asked for
	activation bool
	seams      mutants.Seams
	clock      *clock
	log        *journal
	trace      *trace.Recorder
	sight      *sight // nil: nothing is told of keys
	slots      *slots
	openSlots  func() (*slots, error)
	openStores func(ctx context.Context, kind, dir string) (*stores, error)
	stores     *stores
	tap        tap
	// iterations of PBKDF2 in place of the profile's; 0: those
	iterations atomic.Int64
	host       string            // a loopback address of its own, for processes that come and go
	fixed      map[string]string // where listeners answer; any address for those that are not there

	eps      *server.Server
	auth     *server.AuthServer
	opened   []func() error // HSM sessions of the two
	hsm      *hsm.HSM       // of the EPS
	serving  chan error
	rules    authserver.Rules // of the authentication server, without a mutant
	clients  clients
	twins    []*system
	hasty    bool                  // cheap settings, for servers that are started many times
	breaks   *breaks               // how its parts can be taken away, if they can
	patience patience              // of a system whose parts can be taken away
	divided  *divided              // its servers, when they are processes of their own
	former   *conformance.Identity // of a divided one
}

var capabilities = conformance.Capabilities{
	conformance.CanEnrol: true, conformance.CanProvision: true, conformance.CanValidate: true,
	conformance.CanImportSeed: true, conformance.CanSetClock: true, conformance.CanReadDB: true,
	conformance.CanReadLogs: true, conformance.CanSeeRoutes: true, conformance.CanRestart: true,
	conformance.CanTraceHSM: true, conformance.CanSeeObjects: true, conformance.CanTwin: true,
	conformance.CanReadAudit: true, conformance.CanTapPlugin: true, conformance.CanCallModule: true, conformance.CanPromise: true,
	conformance.CanUnlock: true, conformance.CanChallenge: true,
	conformance.CanWriteDB: true, conformance.CanSetKDF: true,
	conformance.CanKill: true, conformance.CanNode: true, conformance.CanResync: true,
	conformance.CanBreak: true, conformance.CanAbort: true, conformance.CanForge: true,
	conformance.CanActivate: true,
}

// open makes keys, databases and certificates below o.Dir, pairs the two servers and
// starts them.
func open(ctx context.Context, o run.Options, name string, p reference.Profile) (*system, error) {
	s := &system{options: o, dir: o.Dir, name: name, profile: p, clock: &clock{}, log: &journal{}, trace: &trace.Recorder{}}
	s.openSlots = func() (*slots, error) { return openSlots(o.HSM, o.Dir, o.Personality) }
	if o.HSM == emulated && o.TellKeys {
		s.sight = newSight()
	}
	return s, s.open(ctx)
}

// open does the rest, once s has its tokens' source.
func (s *system) open(ctx context.Context) error {
	if err := s.mutate(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{s.prepare, s.initialise, s.start} {
		if err := step(ctx); err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return nil
}

// mutate breaks what the options name.
func (s *system) mutate() error {
	if s.options.Mutant == "" {
		return nil
	}
	m, ok := mutants.Find(s.options.Mutant)
	if !ok {
		return fmt.Errorf("no mutant is called %q", s.options.Mutant)
	}
	m.Break(&s.seams)
	return nil
}

// prepare makes what the servers stand on.
func (s *system) prepare(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	s.host = ownHost()
	if err := pki.Create(s.path("pki"), time.Now(), s.host); err != nil {
		return err
	}
	if s.slots, err = s.openSlots(); err != nil {
		return err
	}
	s.slots.permit = s.seams.Permit
	open := openStores
	if s.openStores != nil {
		open = s.openStores
	}
	s.stores, err = open(ctx, s.options.Store, s.dir)
	return err
}

func (s *system) path(name string) string { return filepath.Join(s.dir, name) }

// start opens both servers on the keys and databases that are there.
func (s *system) start(ctx context.Context) error {
	if err := s.startAuthServer(ctx); err != nil {
		return fmt.Errorf("authentication server: %w", err)
	}
	if err := s.startEPS(ctx); err != nil {
		return fmt.Errorf("EPS: %w", err)
	}
	if err := s.clients.open(s); err != nil {
		return err
	}
	s.serving = make(chan error, 2)
	go func() { s.serving <- s.auth.Serve(context.Background()) }()
	go func() { s.serving <- s.eps.Serve(context.Background()) }()
	return nil
}

// stop ends both servers and gives back what they hold of the HSM.
func (s *system) stop(ctx context.Context) error {
	s.clients.close()
	var err error
	if s.eps != nil {
		err = errors.Join(err, s.eps.Close(ctx))
	}
	if s.auth != nil {
		err = errors.Join(err, s.auth.Close(ctx))
	}
	if s.serving != nil {
		err = errors.Join(err, <-s.serving, <-s.serving)
	}
	for _, release := range s.opened {
		err = errors.Join(err, release())
	}
	s.eps, s.auth, s.serving, s.opened = nil, nil, nil, nil
	return errors.Join(err, s.slots.release())
}

// Close stops the target and its twins and drops what they stored outside their directory.
func (s *system) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var err error
	for _, t := range s.twins {
		err = errors.Join(err, t.Close())
	}
	s.twins = nil
	if s.divided != nil {
		err = errors.Join(err, s.divided.end())
		s.divided = nil
	}
	if s.slots != nil {
		err = errors.Join(err, s.stop(ctx))
	}
	if s.stores != nil {
		err = errors.Join(err, s.stores.drop(ctx))
		s.stores = nil
	}
	if s.node == "" { // it sees for the nodes beside it
		s.sight.clear()
	}
	return err
}

// Restart stops both servers and starts them again.
func (s *system) Restart(ctx context.Context) error {
	if err := s.stop(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return s.start(ctx)
}

// SetKDF restarts the target with another number of iterations in its configuration. Until
// it has its own again, calls to the HSMs are not kept: a cheap KDF is for many enrolments,
// and there are some twenty calls to each.
func (s *system) SetKDF(ctx context.Context, n int) error {
	s.iterations.Store(int64(n))
	return s.Restart(ctx)
}

// Twin is a second EPS with its own name, keys and databases.
func (s *system) Twin(ctx context.Context) (conformance.Target, error) {
	o := s.options
	o.Dir = s.path(fmt.Sprintf("twin-%d", len(s.twins)+1))
	o.Mutant = ""
	t := &system{options: o, dir: o.Dir, name: "other.example", profile: s.profile, clock: s.clock, log: s.log, trace: &trace.Recorder{}}
	t.openSlots = func() (*slots, error) { return s.slots.beside(o.Dir) }
	if err := t.open(ctx); err != nil {
		return nil, fmt.Errorf("second EPS: %w", err)
	}
	s.twins = append(s.twins, t)
	return t, nil
}

// Capabilities are all that a server in this process can offer. The literal profile has no
// activation, and keys are told of the emulator alone.
func (s *system) Capabilities() conformance.Capabilities {
	offered := maps.Clone(capabilities)
	offered[conformance.CanActivate] = s.profile != reference.Literal
	offered[conformance.CanTellKeys] = s.tellsKeys()
	return offered
}

// logger writes to the journal, at all levels: what must not be in a log must not be
// in a debug log either.
func (s *system) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// wrap puts the tap before the plug-in listener, and a mutant's handler behind it.
func (s *system) wrap(listener string, h http.Handler) http.Handler {
	if s.seams.Wrap != nil {
		h = s.seams.Wrap(listener, h)
	}
	if listener == "plugin" {
		h = s.tap.before(h)
	}
	return h
}
