package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hsm"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/strictyaml"
)

// hsmCommand judges a PKCS#11 module by itself.
type hsmCommand struct {
	Module      string `default:"emulator" placeholder:"MODULE" help:"emulator; softhsm, which is a SoftHSM with empty tokens of the bench's own; or the path of a PKCS#11 library (${default})."`
	TokenLabel  string `placeholder:"LABEL" help:"The token of the library at that path; it makes session objects there, no others. Without: an empty slot is initialised."`
	Slot        *uint  `placeholder:"N" help:"The same by its slot."`
	PINEnv      string `name:"pin-env" placeholder:"VAR" help:"The variable that holds the user's PIN of that token."`
	As          string `placeholder:"NAME" help:"Hold the module against a personality: is it the HSM that it should be? See epsbench list personalities."`
	Personality string `placeholder:"NAME" help:"Have the module behave as another HSM, and hold it against that."`
	Focus       string `placeholder:"EXPR" help:"Only what a label expression over claim ids and suites selects, such as 'HSM-operations || rfc'."`
	Out         string `default:"out/hsm" placeholder:"DIR" help:"Where the outputs go (${default}/)."`
	Seed        *int64 `placeholder:"N" help:"Fixes all that the bench draws; default: random."`
	heldFlags
}

// Run is called by kong.
func (c *hsmCommand) Run(a *app) error {
	if err := c.known(); err != nil {
		return err
	}
	if c.Seed == nil {
		c.Seed = new(drawSeed())
	}
	return c.judge(a, run.Config{
		Target: "module", Focus: c.Focus, Out: c.Out, Version: a.version, Repeat: c.repeat(),
		Options: run.Options{Profile: conformance.Quick, HSM: c.Module, Store: "none", Personality: c.Personality, As: c.As,
			Token: c.TokenLabel, Slot: c.Slot, PINEnv: c.PINEnv, Seed: *c.Seed},
	})
}

func (c *hsmCommand) known() error {
	if own := ownTokens[c.Module]; own != nil && (c.TokenLabel != "" || c.Slot != nil) {
		return own()
	}
	switch {
	case c.TokenLabel != "" && c.Slot != nil:
		return &run.UsageError{What: "--token-label and --slot exclude each other", Mend: "name the token by one of them"}
	case (c.TokenLabel == "" && c.Slot == nil) != (c.PINEnv == ""):
		return &run.UsageError{What: "--token-label or --slot, and --pin-env, go together", Mend: "--pin-env names the variable that holds the user's PIN of that token"}
	}
	if c.As != "" && c.Personality != "" {
		return &run.UsageError{What: "--as and --personality exclude each other", Mend: "--as judges the module as it is, --personality puts another before it"}
	}
	if _, ok := os.LookupEnv(c.PINEnv); c.PINEnv != "" && !ok {
		return &run.UsageError{What: "the variable " + c.PINEnv + " is not set", Mend: "it should hold the user's PIN: " + c.PINEnv + "=… epsbench hsm …"}
	}
	for flag, name := range map[string]string{"--as": c.As, "--personality": c.Personality} {
		if name == "" {
			continue
		}
		if _, err := knownPersonality(flag, name); err != nil {
			return err
		}
	}
	return nil
}

// ownTokens are of the modules whose tokens the bench makes for itself: none of the user's is there.
var ownTokens = map[string]func() error{
	"emulator": func() error {
		return &run.UsageError{What: "--module emulator has tokens of the bench's own, and none of yours", Mend: "leave out --token-label, --slot and --pin-env"}
	},
	"softhsm": func() error {
		path, err := target.SoftHSM()
		if err != nil {
			return &run.UsageError{What: "--module softhsm: " + err.Error(), Mend: run.HintOf(err)}
		}
		return &run.UsageError{What: "--module softhsm has tokens of the bench's own, and none of yours", Mend: "--module " + path + " is the one with your tokens"}
	},
}

// knownPersonality finds a personality, and refuses one that there is not, and one whose
// probes there are not.
func knownPersonality(flag, name string) (*personality.Personality, error) {
	p, err := personality.Load(name)
	if errors.Is(err, personality.ErrUnknown) {
		return nil, &run.UsageError{What: flag + ": no personality " + name + ", and no such file", Mend: didYouMean(name, personality.Names()) + "see epsbench list personalities"}
	}
	if err != nil {
		return nil, &run.UsageError{What: flag + ": " + err.Error(), Mend: "epsbench list personalities --schema is the form of a file"}
	}
	for _, r := range p.Rules {
		if r.Probe == "" {
			continue
		}
		if err := hsm.Check(r.Probe); err != nil {
			return nil, &run.UsageError{What: fmt.Sprintf("%s: personality %s: rule %s: %v", flag, p.Name, r.ID, err),
				Mend: "epsbench list probes shows all, and what their arguments are"}
		}
	}
	return p, nil
}

// didYouMean asks for the name that is near, if one is.
func didYouMean(name string, names []string) string {
	if near := strictyaml.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %s? ", near)
	}
	return ""
}

// repeat is the command that judges the same again.
func (c *hsmCommand) repeat() string {
	slot := ""
	if c.Slot != nil {
		slot = strconv.FormatUint(uint64(*c.Slot), 10)
	}
	return repeated("epsbench hsm", []flagged{
		{"module", quote(c.Module), "emulator"}, {"token-label", quote(c.TokenLabel), ""}, {"slot", slot, ""}, {"pin-env", quote(c.PINEnv), ""},
		{"as", quote(c.As), ""}, {"personality", quote(c.Personality), ""},
	}, *c.Seed, c.Focus)
}
