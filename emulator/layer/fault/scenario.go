package fault

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/strictyaml"
)

// Scenario is a script of faults: rules, each with what it waits for and what it does.
type Scenario struct {
	Name   string `yaml:"name" json:"name"`
	About  string `yaml:"about" json:"about"`   // what goes wrong, in words
	Source string `yaml:"source" json:"source"` // where it has happened
	Rules  []Rule `yaml:"rules" json:"rules"`
}

// Rule is one fault.
type Rule struct {
	Name string  `yaml:"name,omitempty" json:"name,omitempty"` // for the After of others
	When Trigger `yaml:"when" json:"when"`
	Then Effect  `yaml:"then" json:"then"`
}

// Trigger says which calls a rule strikes. All that is given must hold.
type Trigger struct {
	Function  []string      `yaml:"function,omitempty" json:"function,omitempty"`   // "C_Sign"; none: every one
	Mechanism []Number      `yaml:"mechanism,omitempty" json:"mechanism,omitempty"` // "CKM_AES_ECB", or a number
	Nth       int           `yaml:"nth,omitempty" json:"nth,omitempty"`             // the n-th such call, counted from 1
	Every     int           `yaml:"every,omitempty" json:"every,omitempty"`         // every k-th such call
	Chance    float64       `yaml:"chance,omitempty" json:"chance,omitempty"`       // with this probability
	Times     int           `yaml:"times,omitempty" json:"times,omitempty"`         // so often at most; 0: no limit
	Idle      time.Duration `yaml:"idle,omitempty" json:"idle,omitempty"`           // the first call after so long without one
	After     string        `yaml:"after,omitempty" json:"after,omitempty"`         // once that rule has struck
	Until     string        `yaml:"until,omitempty" json:"until,omitempty"`         // until that function is called
}

// Effect is what happens to a call that is struck, in the order of the fields.
type Effect struct {
	Delay         time.Duration `yaml:"delay,omitempty" json:"delay,omitempty"`
	Hang          time.Duration `yaml:"hang,omitempty" json:"hang,omitempty"`                     // as Delay, and Disarm ends it
	Close         string        `yaml:"close,omitempty" json:"close,omitempty"`                   // "session": the call's; "sessions": all of its slot
	Logout        bool          `yaml:"logout,omitempty" json:"logout,omitempty"`                 // the login of its slot ends
	AnotherHandle bool          `yaml:"another_handle,omitempty" json:"another_handle,omitempty"` // the key of an earlier call in the place of this one's
	Done          bool          `yaml:"done,omitempty" json:"done,omitempty"`                     // the module does the call, and its answer is lost
	NoSlots       bool          `yaml:"no_slots,omitempty" json:"no_slots,omitempty"`             // the list of slots is empty
	FlipBit       bool          `yaml:"flip_bit,omitempty" json:"flip_bit,omitempty"`             // one bit of the output is wrong
	Repeat        bool          `yaml:"repeat,omitempty" json:"repeat,omitempty"`                 // the output is that of the last such call
	Return        Number        `yaml:"return,omitempty" json:"return,omitempty"`                 // "CKR_DEVICE_ERROR", or a number
}

// Number is a code of PKCS#11 by its name, or, where the standard has none, as a number.
type Number string

//go:embed scenarios/*.yaml
var files embed.FS

// List gives the scenarios that come with the program, by name.
func List() []*Scenario {
	entries, err := files.ReadDir("scenarios")
	if err != nil {
		panic(err) // embedded
	}
	var out []*Scenario
	for _, e := range entries {
		s, err := Named(strings.TrimSuffix(e.Name(), ".yaml"))
		if err != nil {
			panic(fmt.Sprintf("%s: %v", e.Name(), err)) // a test loads them all
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Scenario) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// ErrUnknown: there is neither a scenario of that name nor a file.
var ErrUnknown = errors.New("no such fault scenario")

// Named gives the scenario of that name that comes with the program; the name of a file is none.
func Named(name string) (*Scenario, error) {
	text, err := own(name)
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// own is the text of a scenario that comes with the program. Its file is called as it is.
func own(name string) ([]byte, error) {
	text, err := files.ReadFile(path.Join("scenarios", name+".yaml"))
	if err != nil || path.Base(name) != name {
		return nil, fmt.Errorf("%w: %.60q", ErrUnknown, name)
	}
	return text, nil
}

// Load finds a scenario by its name, or reads one from a file.
func Load(nameOrPath string) (*Scenario, error) {
	text, err := Text(nameOrPath)
	if err != nil {
		return nil, err
	}
	return Parse(text)
}

// Text gives a scenario, by its name or from a file, as it is written; Parse takes it.
func Text(nameOrPath string) ([]byte, error) {
	if text, err := own(nameOrPath); err == nil {
		return text, nil
	}
	f, err := os.Open(nameOrPath)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%w: %q (neither a name nor a file)", ErrUnknown, nameOrPath)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, strictyaml.MaxSize+1))
	if err != nil {
		return nil, err
	}
	if _, err := Parse(text); err != nil {
		return nil, fmt.Errorf("%s: %w", nameOrPath, err)
	}
	return text, nil
}

// Parse reads a scenario. A key that it does not know is an error with its line.
func Parse(text []byte) (*Scenario, error) {
	s := new(Scenario)
	if err := strictyaml.Decode(text, s); err != nil {
		return nil, err
	}
	return s, s.check()
}

const maxRules = 64

func (s *Scenario) check() error {
	switch {
	case s.Name == "" || s.About == "":
		return errors.New("a scenario has a name, and says in about what goes wrong")
	case len(s.Rules) == 0 || len(s.Rules) > maxRules:
		return fmt.Errorf("a scenario has 1 to %d rules", maxRules)
	}
	named := map[string]bool{}
	for i, r := range s.Rules {
		if _, err := newRule(&r); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		if r.When.After != "" && !named[r.When.After] {
			return fmt.Errorf("rule %d: no rule before it is called %q", i+1, r.When.After)
		}
		named[r.Name] = true
	}
	return nil
}

// code reads a Number by a table of names.
func (n Number) code(names func(string) (uint, bool)) (uint, error) {
	if v, ok := names(string(n)); ok {
		return v, nil
	}
	v, err := strconv.ParseUint(string(n), 0, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a name of PKCS#11 nor a number", string(n))
	}
	return uint(v), nil
}

func returnCode(n Number) (uint, error)    { return n.code(cryptoki.ReturnNamed) }
func mechanismCode(n Number) (uint, error) { return n.code(cryptoki.MechanismNamed) }

// Wrong tells whether some rule has the module do something else than it is asked, and say
// that all is well.
func (s *Scenario) Wrong() bool {
	return slices.ContainsFunc(s.Rules, func(r Rule) bool { return r.Then.AnotherHandle || r.Then.FlipBit || r.Then.Repeat })
}

// Idle is the longest time without a call that a rule waits for; 0: none does.
func (s *Scenario) Idle() time.Duration {
	longest := time.Duration(0)
	for _, r := range s.Rules {
		longest = max(longest, r.When.Idle)
	}
	return longest
}
