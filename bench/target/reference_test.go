package target

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/reference/hsm"
)

// openReference opens the reference target on fresh parts and closes it with the test.
func openReference(t *testing.T, o run.Options) *system {
	t.Helper()
	o.Dir, o.Profile = t.TempDir(), conformance.Quick
	opened, err := Reference.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return opened.(*system)
}

// engines are the parts that the reference target runs on. SoftHSM has one token
// directory a process, so it is used once.
var engines = map[string]run.Options{
	"emulator": {HSM: "emulator", Store: "sqlite", TellKeys: true},
	"softhsm":  {HSM: "softhsm", Store: "sqlite"},
}

func TestReferenceFromEnrolmentToOTP(t *testing.T) {
	for name, o := range engines {
		t.Run(name, func(t *testing.T) {
			s := openReference(t, o)
			ctx := t.Context()
			grant, pin := provision(t, s, "alice")
			if _, err := s.Keys(); (err == nil) != (name == "emulator") || s.Capabilities()[conformance.CanTellKeys] != (err == nil) {
				t.Errorf("keys of the HSM: %v", err)
			}

			otp, err := grant.OTP(pin, grant.Counter)
			if err != nil {
				t.Fatal(err)
			}
			mustValidate(ctx, t, s, "alice", otp, true)
			mustValidate(ctx, t, s, "alice", otp, false) // a second time

			if err := s.Restart(ctx); err != nil {
				t.Fatal(err)
			}
			next, err := grant.OTP(pin, grant.Counter+1)
			if err != nil {
				t.Fatal(err)
			}
			mustValidate(ctx, t, s, "alice", otp, false)
			mustValidate(ctx, t, s, "alice", next, true)
			if err := s.VerifyAudit(ctx); err != nil {
				t.Errorf("audit: %v", err)
			}
		})
	}
}

// provision enrols a user and puts the token on a phone.
func provision(t *testing.T, s *system, user string) (oracle.Grant, string) {
	t.Helper()
	ctx := t.Context()
	service := s.Declared().Services[0]
	e, err := s.Enrol(ctx, conformance.EnrolRequest{Service: service, User: user})
	if err != nil {
		t.Fatal(err)
	}
	session, err := oracle.Build(s.Pinned(), e.RegistrationCode, service)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Provision(ctx, "127.0.0.2", session.Body)
	if err != nil {
		t.Fatal(err)
	}
	grant, err := session.Open(answer.Body, s.Now())
	if err != nil {
		t.Fatal(err)
	}
	if state, err := s.Status(ctx, e.Token); err != nil || state != "provisioned" {
		t.Fatalf("state %q, %v", state, err)
	}
	return grant, e.PIN
}

func mustValidate(ctx context.Context, t *testing.T, s *system, user, otp string, want bool) {
	t.Helper()
	v, err := s.Validate(ctx, s.Declared().Services[0], user, otp)
	if err != nil {
		t.Fatal(err)
	}
	if v.Accepted != want {
		t.Errorf("accepted %v, want %v (HTTP %d)", v.Accepted, want, v.Status)
	}
}

func TestTargetShowsWhatASuiteNeeds(t *testing.T) {
	s := openReference(t, engines["emulator"])
	ctx := t.Context()
	mark := s.Mark()
	provision(t, s, "bob")

	if calls := s.Calls(mark); len(calls) == 0 || calls[0].Slot == "" {
		t.Errorf("trace: %d calls", len(calls))
	}
	if len(s.PluginMessages()) != 1 {
		t.Errorf("%d plug-in messages, want 1", len(s.PluginMessages()))
	}
	tables, err := s.Dump(ctx)
	if err != nil || len(tables) < 6 {
		t.Errorf("dump: %d tables, %v", len(tables), err)
	}
	files, err := s.Files(ctx)
	if err != nil || files["db/eps.db"] == nil {
		t.Errorf("files: %d, %v", len(files), err)
	}
	log, err := s.Logs(ctx)
	if err != nil || !strings.Contains(string(log), "listening") {
		t.Errorf("log: %d bytes, %v", len(log), err)
	}
	if surfaces := s.Surfaces(); len(surfaces) != 5 || len(surfaces[0].Routes) < 5 {
		t.Errorf("surfaces: %+v", surfaces)
	}
	other, err := s.Twin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	provision(t, other.(*system), "carol")
	if id := s.Identity(); id.HSM["kind"] != "emulator" || !strings.Contains(id.Store["engine"], "SQLite") {
		t.Errorf("identity: %+v", id)
	}
}

// The EPS runs on each HSM that the emulator can be, or says which operations have no
// strategy there.
func TestTheEPSOnEachPersonality(t *testing.T) {
	all, err := personality.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		t.Run(p.Name, func(t *testing.T) {
			o := run.Options{HSM: "emulator", Store: "sqlite", Personality: p.Name, TellKeys: true}
			if p.Name == "opencryptoki" {
				o.Dir, o.Profile = t.TempDir(), conformance.Quick
				_, err := Reference.Open(t.Context(), o)
				var missing *hsm.MissingError
				if !errors.As(err, &missing) || missing.Rows[0].Operation != "WrapUnderMaster" {
					t.Errorf("got %v, want the operations that have no strategy", err)
				}
				return
			}
			s := openReference(t, o)
			grant, pin := provision(t, s, "alice")
			if keys := mustTell(t, s.sight); !has(keys, "eps", "MK-DBK") || !has(keys, "authserver", "ASK") {
				t.Errorf("of %d keys some that there are were not told", len(keys))
			}
			otp, err := grant.OTP(pin, grant.Counter)
			if err != nil {
				t.Fatal(err)
			}
			mustValidate(t.Context(), t, s, "alice", otp, true)
		})
	}
}

// A module that is judged by itself tells each operation with its strategy.
func TestTheStrategiesOfAModule(t *testing.T) {
	for as, works := range map[string]bool{"": true, "opencryptoki": false} {
		m, err := Module.Open(t.Context(), run.Options{HSM: "emulator", Personality: as, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		told, err := m.(conformance.Strategist).Strategies(t.Context())
		if err != nil || len(told) < 10 {
			t.Fatalf("%q: %d operations, %v", as, len(told), err)
		}
		for _, s := range told {
			if (s.Strategy == "") == (s.Missing == "") {
				t.Errorf("%q: %s is done by %q and lacks %q", as, s.Operation, s.Strategy, s.Missing)
			}
			if s.Operation == "WrapUnderMaster" && (s.Missing == "") != works {
				t.Errorf("%q: %s lacks %q", as, s.Operation, s.Missing)
			}
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
