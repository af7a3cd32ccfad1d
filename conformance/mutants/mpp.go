package mutants

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// provisioning are the mutants of the claims that family mpp judges: of the registration
// code and its records (here), of the HSM's part (mpp_hsm.go), of what is on the wire
// (mpp_wire.go), of who gets in where (mpp_callers.go), and of MPP v1 (mpp_literal.go).
var provisioning = slices.Concat(provisioningCodes, provisioningHSM, provisioningWire, provisioningCallers, provisioningLiteral)

// provisioningCodes are the mutants of the registration code and what is kept of it.
var provisioningCodes = []Mutant{
	{
		Name:   "the digits of a code are not compared",
		About:  "Whoever knows the locator of a code gets its token.",
		Claims: []string{"ST-2.2.2-a", "ST-KEY-RC", "ST-6.3-5"},
		Reason: "a wrong code behind a known locator",
		Break:  inProvisioning(withoutRule("wrong code")),
	},
	{
		Name:   "codes live for ever",
		About:  "The expiry of a code is looked at nowhere.",
		Claims: []string{"ST-2.2.2-a", "ST-KEY-RC"},
		Reason: "an expired code",
		Break: inProvisioning(func(p *mpp.Parts) {
			withoutRule("code has expired")(p)
			p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return timeless{tx} })
		}),
	},
	{
		Name:   "a code survives its use",
		About:  "A code stays live when its token is delivered, and delivers it again.",
		Claims: []string{"ST-6.3-auth", "RGS-RègleProtocole"},
		Reason: "the same request again",
		Break: inProvisioning(func(p *mpp.Parts) {
			p.Store = reissuing{changing(p.Store, func(tx store.Tx) store.Tx { return unused{tx} })}
		}),
	},
	{
		Name:   "a lost race counts as won",
		About:  "That the token has moved in the meantime is found at the commit, and overlooked.",
		Claims: []string{"ST-2.2.2-a", "ST-KEY-RC"},
		Reason: "parallel phones use",
		Break:  inProvisioning(func(p *mpp.Parts) { p.Store = careless{p.Store, 20 * time.Millisecond} }),
	},
	{
		Name:   "wrong codes are not counted",
		About:  "A code bears any number of wrong tries.",
		Claims: []string{"ST-KEY-RC"},
		Reason: "the right code after 5 failures",
		Break: inProvisioning(func(p *mpp.Parts) {
			p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return patient{tx} })
		}),
	},
	{
		Name:   "a code that is about to die is not compared",
		About:  "After 4 failures the digits of a code are no longer compared.",
		Claims: []string{"ST-KEY-RC"},
		Reason: "a wrong code behind a known locator",
		Break: inProvisioning(withRule("wrong code", func(broken bool, r mpp.Row) bool {
			return broken && r.Code.Failures < 4
		})),
	},
	{
		Name:   "refusals leave no record",
		About:  "The audit holds what was delivered, and not what was refused.",
		Claims: []string{"ST-2.2.2-c"},
		Reason: "records of wrong code, delivery and replay",
		Break: inProvisioning(func(p *mpp.Parts) {
			p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return discreet{tx} })
		}),
	},
	{
		Name:   "requests of strangers are not counted",
		About:  "What is refused before its sender is known leaves no trace in the audit.",
		Claims: []string{"ST-2.2.2-c"},
		Reason: "requests of a stranger that the audit has counted",
		Break:  inProvisioning(func(p *mpp.Parts) { p.Rejects = nil }),
	},
	{
		Name:   "refusals leave at once",
		About:  "A refusal does not wait for its grid.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "off the grid",
		Break:  inProvisioning(func(p *mpp.Parts) { p.Waiter = impatient{} }),
	},
	{
		Name:   "a known locator takes a step longer",
		About:  "Where there is a row to judge, the refusal leaves one step of the grid later.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "steps of 100ms until the refusal for a known locator",
		Break: inProvisioning(withRule("wrong code", func(broken bool, r mpp.Row) bool {
			if r.Found {
				mpp.SystemWaiter{}.Sleep(context.Background(), mpp.Quantum)
			}
			return broken
		})),
	},
	{
		Name:   "the HSM draws more for rows that exist",
		About:  "Where there is a row, the HSM is asked for random bytes once more.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "HSM calls for a known locator, as many as for an unknown one",
		Break:  inProvisioning(drawingMore),
	},
	{
		Name:   "the random source stands still",
		About:  "Each ephemeral key of the EPS is drawn from the same bytes.",
		Claims: []string{"ST-KEY-K1K2", "RGS-B1a-FS"},
		Reason: "two sessions have the same ephemeral key of the EPS",
		Break:  inProvisioning(func(p *mpp.Parts) { p.Random = still{} }),
	},
}

func inProvisioning(change func(*mpp.Parts)) func(*Seams) {
	return func(s *Seams) { s.MPP = change }
}

// withoutRule leaves out one of the rules by which a request is judged.
func withoutRule(name string) func(*mpp.Parts) {
	return func(p *mpp.Parts) {
		p.Rules = slices.DeleteFunc(mpp.Rules(), func(r mpp.Rule) bool { return r.Name == name })
	}
}

// withRule changes what one of the rules says.
func withRule(name string, change func(broken bool, r mpp.Row) bool) func(*mpp.Parts) {
	return func(p *mpp.Parts) {
		p.Rules = mpp.Rules()
		i := slices.IndexFunc(p.Rules, func(r mpp.Rule) bool { return r.Name == name })
		judged := p.Rules[i].Broken
		p.Rules[i].Broken = func(r mpp.Row) bool { return change(judged(r), r) }
	}
}

// drawingMore asks the HSM for random bytes where a locator is known.
func drawingMore(p *mpp.Parts) {
	withRule("wrong code", func(broken bool, r mpp.Row) bool {
		if r.Found {
			_, err := io.ReadFull(p.Random, make([]byte, 16))
			broken = broken || err != nil
		}
		return broken
	})(p)
}

// changing puts something before every transaction.
func changing(s store.EPS, tx func(store.Tx) store.Tx) store.EPS { return changed{s, tx} }

type changed struct {
	store.EPS
	tx func(store.Tx) store.Tx
}

func (s changed) Update(ctx context.Context, fn func(store.Tx) error) error {
	return s.EPS.Update(ctx, func(tx store.Tx) error { return fn(s.tx(tx)) })
}

// timeless uses codes as of a time when they were good.
type timeless struct{ store.Tx }

func (tx timeless) UseCode(locator string, _ time.Time) error {
	return tx.Tx.UseCode(locator, time.Unix(0, 0).UTC())
}

// unused leaves codes live, and does not mind that a token has been delivered.
type unused struct{ store.Tx }

func (unused) UseCode(string, time.Time) error { return nil }

func (tx unused) MoveToken(id reference.TokenID, from, to reference.State, fromVersion, toVersion uint64, at time.Time) error {
	err := tx.Tx.MoveToken(id, from, to, fromVersion, toVersion, at)
	if errors.Is(err, reference.ErrConflict) {
		return nil
	}
	return err
}

// reissuing shows delivered tokens as if they were still to be delivered.
type reissuing struct{ store.EPS }

func (s reissuing) View(ctx context.Context, fn func(store.Reader) error) error {
	return s.EPS.View(ctx, func(tx store.Reader) error { return fn(reissuingReader{tx}) })
}

type reissuingReader struct{ store.Reader }

func (tx reissuingReader) Token(id reference.TokenID) (reference.Token, error) {
	t, err := tx.Reader.Token(id)
	if t.State == reference.Provisioned {
		t.State = reference.Issued
	}
	return t, err
}

// careless takes a conflict for success. It is as slow as a database elsewhere, so that a
// race is there to be lost on every machine.
type careless struct {
	store.EPS
	pause time.Duration
}

func (s careless) Update(ctx context.Context, fn func(store.Tx) error) error {
	mpp.SystemWaiter{}.Sleep(ctx, s.pause)
	err := s.EPS.Update(ctx, fn)
	if errors.Is(err, reference.ErrConflict) {
		return nil
	}
	return err
}

type patient struct{ store.Tx }

func (tx patient) CountFailure(locator string, _ int) (reference.RegistrationCode, error) {
	return tx.CodeByLocator(locator)
}

type discreet struct{ store.Tx }

func (tx discreet) Audit(r store.AuditRecord) error {
	if r.Event == "refused" {
		return nil
	}
	return tx.Tx.Audit(r)
}

type impatient struct{ mpp.SystemWaiter }

func (impatient) Sleep(context.Context, time.Duration) {}

// still gives the same bytes to each draw.
type still struct{}

func (still) Read(b []byte) (int, error) {
	for i := 0; i < len(b); {
		sum := sha256.Sum256([]byte("still"))
		i += copy(b[i:], sum[:])
	}
	return len(b), nil
}
