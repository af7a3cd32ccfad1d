package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/layer/fault"
)

// targetFlags say what is judged, and how.
type targetFlags struct {
	Target      string `default:"reference" placeholder:"NAME" help:"What is judged: see epsbench list targets (${default})."`
	HSM         string `name:"hsm" default:"emulator" placeholder:"HSM" help:"emulator, softhsm, or the path of a PKCS#11 module (${default})."`
	Store       string `default:"sqlite" env:"EPSBENCH_STORE" placeholder:"STORE" help:"sqlite, mariadb, or the DSN of a MariaDB server (${default})."`
	Profile     string `default:"quick" enum:"quick,full" placeholder:"quick|full" help:"How much is tried: quick or full (${default})."`
	Focus       string `placeholder:"EXPR" help:"Only what a label expression over claim ids and suites selects, such as 'ST-6.3-8 || pin'."`
	Personality string `placeholder:"NAME" help:"Have the HSM behave as another: one of epsbench list personalities, or a file."`
	Fault       string `placeholder:"SCENARIO" help:"Only what the HSM's failing by this scenario makes of the EPS: one of epsbench list faults, or a file."`
	Out         string `default:"out" placeholder:"DIR" help:"Where the outputs go (${default}/)."`
	Seed        *int64 `placeholder:"N" help:"Fixes all that the bench draws; default: random."`
}

// config is what the flags ask for.
func (f *targetFlags) config(a *app) run.Config {
	if f.Seed == nil {
		f.Seed = new(drawSeed())
	}
	if f.Fault != "" && f.Focus == "" {
		f.Focus = "faults"
	}
	return run.Config{
		Target: f.Target, Focus: f.Focus, Out: f.Out, Version: a.version, Repeat: f.repeat(),
		Options: run.Options{Profile: conformance.Profile(f.Profile), HSM: f.HSM, Store: f.Store, Personality: f.Personality, Fault: f.Fault, Seed: *f.Seed},
	}
}

// known refuses a fault and a personality that there are not, before anything is judged.
func (f *targetFlags) known() error {
	if f.Fault != "" {
		if _, err := knownFault("--fault", f.Fault); err != nil {
			return err
		}
	}
	if f.Personality != "" {
		_, err := knownPersonality("--personality", f.Personality)
		return err
	}
	return nil
}

// knownFault finds a scenario, and refuses one that there is not.
func knownFault(flag, name string) (*fault.Scenario, error) {
	s, err := fault.Load(name)
	if errors.Is(err, fault.ErrUnknown) {
		var names []string
		for _, known := range fault.List() {
			names = append(names, known.Name)
		}
		return nil, &run.UsageError{What: flag + ": no fault scenario " + name + ", and no such file", Mend: didYouMean(name, names) + "see epsbench list faults"}
	}
	if err != nil {
		return nil, &run.UsageError{What: flag + ": " + err.Error(), Mend: "epsbench list faults --schema is the form of a file"}
	}
	return s, nil
}

// repeat is the command that judges the same again; the focus stands last. A DSN holds a
// password, so it stays where it came from.
func (f *targetFlags) repeat() string {
	store := f.Store
	if store != "sqlite" && store != "mariadb" {
		store = `"$EPSBENCH_STORE"`
	}
	return repeated("epsbench run", []flagged{
		{"target", quote(f.Target), "reference"}, {"hsm", quote(f.HSM), "emulator"}, {"store", store, "sqlite"},
		{"profile", f.Profile, "quick"}, {"personality", quote(f.Personality), ""}, {"fault", quote(f.Fault), ""},
	}, *f.Seed, f.Focus)
}

// flagged is a flag with its value, and the one that it has where it is not given.
type flagged struct{ name, value, standard string }

func repeated(command string, flags []flagged, seed int64, focus string) string {
	words := []string{command}
	for _, flag := range flags {
		if flag.value != flag.standard {
			words = append(words, "--"+flag.name, flag.value)
		}
	}
	command = fmt.Sprintf("%s --seed %d", strings.Join(words, " "), seed)
	if focus != "" {
		command += " --focus " + quote(focus)
	}
	return command
}

// quote makes a value safe for a shell where it is not already.
func quote(s string) string {
	if strings.ContainsAny(s, " \t\"'$&|;<>()*?`\\!") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}

// drawSeed is short enough to be typed again.
func drawSeed() int64 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint32(b[:])>>8) + 1
}
