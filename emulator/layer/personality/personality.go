// Package personality lets a PKCS#11 module behave as a certain HSM: what it says it is,
// what it offers, what it refuses and with which return value, what it adds to a template.
//
// Start at Load, or List, for a personality, and New for the layer that has it. All of it
// is a table of rules in YAML. Each rule has a source, says how sure it is, and names the
// probe by which somebody outside sees it.
package personality

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/epsbench/epsbench/emulator/strictyaml"
)

// Format is what a file's first key says.
const Format = "epsbench.personality/1"

// Personality is one file, and what it extends.
type Personality struct {
	Format string `yaml:"format" json:"format"`
	Name   string `yaml:"name" json:"name"`
	Words  string `yaml:"words" json:"words"` // what it is like, in a sentence
	// Extends names a personality that comes with the package: its rules come first, save
	// those whose id is here again, and as inferred.
	Extends string `yaml:"extends" json:"extends,omitempty"`
	// Without are the ids of those that it does not have.
	Without []string `yaml:"without" json:"without,omitempty"`
	// Numbers are the vendor's own: "CKM_LUNA_AES_KW", "CKR_LUNA_HSM_STORAGE_FULL".
	Numbers map[string]uint `yaml:"numbers" json:"numbers,omitempty"`
	Rules   []Rule          `yaml:"rules" json:"rules"`
	Left    []Left          `yaml:"left" json:"left,omitempty"`
}

// Rule is one thing that the HSM does.
type Rule struct {
	ID         string `yaml:"id" json:"id"`
	Text       string `yaml:"text" json:"text"`
	Source     string `yaml:"source" json:"source"`
	Confidence string `yaml:"confidence" json:"confidence"`       // measured, documented or inferred
	Probe      string `yaml:"probe" json:"probe,omitempty"`       // what shows it from outside
	Observed   string `yaml:"observed" json:"observed,omitempty"` // what the probe then sees

	When When `yaml:"when" json:"when"`
	Then Then `yaml:"then" json:"then"`
}

// Left is something that the HSM does and this personality does not.
type Left struct {
	Fact   string `yaml:"fact" json:"fact"`
	Source string `yaml:"source" json:"source"`
	Why    string `yaml:"why" json:"why"`
}

// When says which calls a rule is about. Every condition that is there must hold.
type When struct {
	Function  []string `yaml:"function" json:"function,omitempty"`   // "C_UnwrapKey"
	Mechanism []string `yaml:"mechanism" json:"mechanism,omitempty"` // of the call, or of the operation that it goes on with
	Class     string   `yaml:"class" json:"class,omitempty"`         // of the template: secret, private or public
	Missing   string   `yaml:"missing" json:"missing,omitempty"`     // an attribute that the template has not
	Present   string   `yaml:"present" json:"present,omitempty"`     // one that it has
	False     string   `yaml:"false" json:"false,omitempty"`         // one that it has as CK_FALSE
	True      string   `yaml:"true" json:"true,omitempty"`           // one that it has as CK_TRUE
	Only      []string `yaml:"only" json:"only,omitempty"`           // it holds one that is not among these
	Key       Key      `yaml:"key" json:"key,omitzero"`              // of the last key that the call names
	Given     string   `yaml:"given" json:"given,omitempty"`         // a word of the table givens: what else is given
	Error     []string `yaml:"error" json:"error,omitempty"`         // what the module behind has returned
}

// Key is about a key that a call names.
type Key struct {
	Class   string `yaml:"class" json:"class,omitempty"`
	Type    string `yaml:"type" json:"type,omitempty"`       // aes, rsa, generic, des3 or ec
	Shorter uint   `yaml:"shorter" json:"shorter,omitempty"` // CKA_VALUE_LEN or the modulus has fewer bytes than this
	False   string `yaml:"false" json:"false,omitempty"`     // an attribute that is CK_FALSE
	MadeBy  string `yaml:"made_by" json:"made_by,omitempty"` // the function that it came from: "C_UnwrapKey"
}

// Then is what happens.
type Then struct {
	Return  string            `yaml:"return" json:"return,omitempty"`   // the call is refused, or its error is another
	Default map[string]any    `yaml:"default" json:"default,omitempty"` // attributes that a template has not
	Set     map[string]any    `yaml:"set" json:"set,omitempty"`         // attributes, whatever it has
	Drop    []string          `yaml:"drop" json:"drop,omitempty"`       // attributes that are not handed on
	Absent  bool              `yaml:"absent" json:"absent,omitempty"`   // the mechanism is not there or, with functions, not for those
	Sizes   *Sizes            `yaml:"sizes" json:"sizes,omitempty"`     // of C_GetMechanismInfo, and what keys must fit
	As      string            `yaml:"as" json:"as,omitempty"`           // the mechanism of the standard that a vendor's is
	Answer  map[string]any    `yaml:"answer" json:"answer,omitempty"`   // attributes that read so
	Says    map[string]string `yaml:"says" json:"says,omitempty"`       // fields of C_GetInfo, C_GetSlotInfo, C_GetTokenInfo
	Limit   *Limit            `yaml:"limit" json:"limit,omitempty"`
	Do      string            `yaml:"do" json:"do,omitempty"`         // a word of the table deeds
	Permit  []string          `yaml:"permit" json:"permit,omitempty"` // what the Go token is to let through: its Config.Permit
}

// Sizes are a mechanism's key sizes, in its own unit.
type Sizes struct {
	Min uint `yaml:"min" json:"min"`
	Max uint `yaml:"max" json:"max"`
}

// Limit is of an HSM's sessions, or its speed. 0 is none.
type Limit struct {
	Sessions int     `yaml:"sessions" json:"sessions,omitempty"` // at once, over all slots
	Idle     string  `yaml:"idle" json:"idle,omitempty"`         // "30s": then a session is gone
	Rate     float64 `yaml:"rate" json:"rate,omitempty"`         // calls a second, only where Options.Rates asks for it
}

//go:embed personalities/*.yaml
var embedded embed.FS

// Names gives those of the personalities that come with the package.
func Names() []string {
	files, err := embedded.ReadDir("personalities")
	if err != nil {
		panic(err) // embedded
	}
	var out []string
	for _, f := range files {
		out = append(out, strings.TrimSuffix(f.Name(), ".yaml"))
	}
	return out
}

// List gives the personalities that come with the package, by name.
func List() ([]*Personality, error) {
	var out []*Personality
	for _, name := range Names() {
		p, err := Load(name)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Personality) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// ErrUnknown: there is neither a personality nor a file of that name.
var ErrUnknown = errors.New("no personality of that name, and no file; see epsbench list personalities")

// Load reads a personality that comes with the package or, where there is none of that
// name, a file.
func Load(nameOrPath string) (*Personality, error) {
	p := new(Personality)
	text, err := embedded.ReadFile("personalities/" + nameOrPath + ".yaml")
	if err == nil {
		err = strictyaml.Decode(text, p)
	} else if err = strictyaml.File(nameOrPath, p); errors.Is(err, os.ErrNotExist) {
		err = ErrUnknown
	}
	if err == nil {
		err = p.extend()
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return nil, fmt.Errorf("personality %s: %w", nameOrPath, err)
	}
	return p, nil
}

// extend puts the rules of the personality that p extends before its own.
func (p *Personality) extend() error {
	if p.Extends == "" {
		return nil
	}
	if p.Extends == p.Name {
		return fmt.Errorf("extends: a personality cannot extend itself; give it a name other than %q", p.Name)
	}
	if _, err := embedded.Open("personalities/" + p.Extends + ".yaml"); err != nil {
		return fmt.Errorf("extends: no personality %q comes with the package; see epsbench list personalities", p.Extends)
	}
	base, err := Load(p.Extends)
	if err != nil {
		return err
	}
	for _, id := range p.Without {
		if !slices.ContainsFunc(base.Rules, func(r Rule) bool { return r.ID == id }) {
			return fmt.Errorf("without %q: %s has no such rule", id, p.Extends)
		}
	}
	again := func(r Rule) bool {
		return slices.Contains(p.Without, r.ID) || slices.ContainsFunc(p.Rules, func(own Rule) bool { return own.ID == r.ID })
	}
	inherited := slices.DeleteFunc(base.Rules, again)
	for i := range inherited {
		// What is known of one HSM is a guess about another, until it says so itself.
		inherited[i].Confidence = "inferred"
	}
	p.Rules = append(inherited, p.Rules...)
	p.Left = append(base.Left, p.Left...)
	for name, n := range base.Numbers {
		if _, own := p.Numbers[name]; !own {
			p.number(name, n)
		}
	}
	return nil
}

func (p *Personality) number(name string, n uint) {
	if p.Numbers == nil {
		p.Numbers = map[string]uint{}
	}
	p.Numbers[name] = n
}

// check finds what is wrong with a file beyond its form.
func (p *Personality) check() error {
	if p.Format != Format || p.Name == "" || p.Words == "" {
		return fmt.Errorf("wants format: %s, a name and words", Format)
	}
	ids := map[string]bool{}
	for i := range p.Rules {
		r := &p.Rules[i]
		if ids[r.ID] {
			return fmt.Errorf("two rules have the id %q", r.ID)
		}
		ids[r.ID] = true
		if _, err := p.compile(r); err != nil {
			return fmt.Errorf("rule %d (%s): %w", i+1, r.ID, err)
		}
	}
	return nil
}

// Permits is what a Go token behind the layer is to let through, its Config.Permit: a token
// refuses more than most HSMs.
func (p *Personality) Permits() []string {
	var out []string
	for _, r := range p.Rules {
		for _, word := range r.Then.Permit {
			if !slices.Contains(out, word) {
				out = append(out, word)
			}
		}
	}
	return out
}
