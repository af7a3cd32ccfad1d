// Package personality lets a PKCS#11 module refuse what a certain HSM refuses, with that
// HSM's return values.
//
// Start at Load, or List, for a personality, and New for the layer that has it. What an
// HSM does is a table of rules in YAML, each with its source.
package personality

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Format is what a file's first key says.
const Format = "epsbench.personality/1"

// Personality is one file.
type Personality struct {
	Format string `yaml:"format" json:"format"`
	Name   string `yaml:"name" json:"name"`
	Words  string `yaml:"words" json:"words"` // what it is like, in a sentence
	Rules  []Rule `yaml:"rules" json:"rules"`
}

// Rule refuses calls. Every condition that it has must hold.
type Rule struct {
	ID         string `yaml:"id" json:"id"`
	Text       string `yaml:"text" json:"text"`
	Source     string `yaml:"source" json:"source"`
	Confidence string `yaml:"confidence" json:"confidence"`       // measured, documented or inferred
	Probe      string `yaml:"probe" json:"probe,omitempty"`       // what shows it from outside
	Observed   string `yaml:"observed" json:"observed,omitempty"` // what the probe then sees

	Functions  []string `yaml:"functions" json:"functions"`             // "C_UnwrapKey"
	Mechanisms []string `yaml:"mechanisms" json:"mechanisms,omitempty"` // none: any
	Class      string   `yaml:"class" json:"class,omitempty"`           // of the template: secret, private or public
	Missing    string   `yaml:"missing" json:"missing,omitempty"`       // an attribute that the template has not
	Present    string   `yaml:"present" json:"present,omitempty"`       // one that it has
	False      string   `yaml:"false" json:"false,omitempty"`           // one that it has as CK_FALSE
	Return     string   `yaml:"return" json:"return"`                   // "CKR_ATTRIBUTE_TYPE_INVALID"
}

//go:embed personalities/*.yaml
var embedded embed.FS

// List gives the personalities that come with the package, by name.
func List() ([]*Personality, error) {
	files, err := embedded.ReadDir("personalities")
	if err != nil {
		return nil, err
	}
	var out []*Personality
	for _, f := range files {
		p, err := Load(strings.TrimSuffix(f.Name(), ".yaml"))
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// Load reads a personality that comes with the package or, where there is none of that
// name, a file.
func Load(nameOrPath string) (*Personality, error) {
	text, err := embedded.ReadFile("personalities/" + nameOrPath + ".yaml")
	if err != nil {
		if text, err = os.ReadFile(nameOrPath); err != nil {
			return nil, fmt.Errorf("personality %s: %w", nameOrPath, err)
		}
	}
	p, err := read(text)
	if err != nil {
		return nil, fmt.Errorf("personality %s: %w", nameOrPath, err)
	}
	return p, nil
}

// limit is the size of the largest file that is read, in bytes.
const limit = 1 << 20

func read(text []byte) (*Personality, error) {
	if len(text) > limit {
		return nil, fmt.Errorf("%d bytes, more than %d", len(text), limit)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	p := new(Personality)
	if err := d.Decode(p); err != nil {
		return nil, err
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	if p.Format != Format || p.Name == "" || p.Words == "" {
		return nil, fmt.Errorf("wants format: %s, a name and words", Format)
	}
	for i := range p.Rules {
		if _, err := compile(&p.Rules[i]); err != nil {
			return nil, fmt.Errorf("rule %d (%s): %w", i+1, p.Rules[i].ID, err)
		}
	}
	return p, nil
}
