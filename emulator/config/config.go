// Package config reads the file that says what an emulator in somebody else's process is:
// a token or another module behind, and the layers before it.
//
// Start at Load and Config.Open. The file is strict YAML: a key that it does not know is an
// error with its line.
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/strictyaml"
)

// Format is what the file's first key says.
const Format = "epsbench.emulator/1"

// Config is the file.
type Config struct {
	Format  string  `yaml:"format"`
	Backend Backend `yaml:"backend"`
	Slots   []Slot  `yaml:"slots"`
	Legacy  bool    `yaml:"legacy"` // the token offers its legacy rows too
	// Personality is one of `epsbench list personalities`, or a file; empty: none.
	Personality string `yaml:"personality"`
	// Rates makes the personality as slow as its HSM, where that is known.
	Rates bool `yaml:"rates"`

	Fault   Fault   `yaml:"fault"`
	Trace   Trace   `yaml:"trace"`
	Control Control `yaml:"control"`
	Needle  Needle  `yaml:"needle"`
}

// Backend is what does the work: one of the two.
type Backend struct {
	Token  string `yaml:"token"`  // a directory, or "memory"
	Module string `yaml:"module"` // the path of another PKCS#11 library
}

// Wanted is what an error says where something else stands.
func (Backend) Wanted() string { return "{token: memory}, {token: DIRECTORY} or {module: PATH}" }

// Memory is the Token that keeps nothing.
const Memory = "memory"

// Slot is a slot of the token, under an id that stays. With a label its token is
// initialised with both PINs, unless the directory has it from before.
type Slot struct {
	ID    uint   `yaml:"id"`
	Label string `yaml:"label"`
	SOPIN PIN    `yaml:"so_pin"`
	PIN   PIN    `yaml:"pin"`
}

// PIN says where a PIN stands: never in this file.
type PIN struct {
	Env  string `yaml:"env"`  // a variable
	File string `yaml:"file"` // the first line of a file
}

// Wanted is what an error says where something else stands: the PIN itself, perhaps.
func (PIN) Wanted() string { return "{env: NAME} or {file: PATH}" }

// Fault plays a scenario before the backend: one of `epsbench list faults`, or a file.
type Fault struct {
	Scenario string `yaml:"scenario"`
	Seed     uint64 `yaml:"seed"`
}

// Wanted is what an error says where something else stands.
func (Fault) Wanted() string { return "a group of keys, like {scenario: NAME}" }

// Trace writes down every call, as JSON lines.
type Trace struct {
	File   string `yaml:"file"`
	Labels bool   `yaml:"labels"` // a record tells what its objects are called; also on the control socket
}

// Wanted is what an error says where something else stands.
func (Trace) Wanted() string { return "a group of keys, like {file: PATH}" }

// Control lets a bench in: see package control.
type Control struct {
	Socket        string   `yaml:"socket"`         // see Path; empty: nobody is let in
	UIDs          []uint32 `yaml:"uids"`           // who may connect, beside the uid of the process
	UnsafeNeedles bool     `yaml:"unsafe_needles"` // the bench may ask for the clear values of keys
}

// Wanted is what an error says where something else stands.
func (Control) Wanted() string { return "a group of keys, like {socket: PATH}" }

// Needle narrows what is told of the clear values of keys, where the control socket tells
// them at all.
type Needle struct {
	Functions []string `yaml:"functions"` // that a value comes from; none: all that needle.Functions gives
	Shortest  int      `yaml:"shortest"`  // bytes; 0: needle.Shortest
}

// Load reads the file at path. Relative paths in it are from its own directory; see beside.
func Load(path string) (*Config, error) {
	c := new(Config)
	if err := strictyaml.File(path, c); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.beside(dir)
	return c, nil
}

// beside makes the paths absolute: a program has a directory of its own. What may be a name
// is a path where it has a slash or ends in .yaml; a library without a slash is sought where
// such libraries are installed, and else left to the loader.
func (c *Config) beside(dir string) {
	paths := []*string{&c.Trace.File, &c.Control.Socket}
	if c.Backend.Token != Memory {
		paths = append(paths, &c.Backend.Token)
	}
	if strings.Contains(c.Backend.Module, "/") {
		paths = append(paths, &c.Backend.Module)
	} else if c.Backend.Module != "" {
		c.Backend.Module = installed(c.Backend.Module)
	}
	for _, named := range []*string{&c.Personality, &c.Fault.Scenario} {
		if strings.Contains(*named, "/") || strings.HasSuffix(*named, ".yaml") {
			paths = append(paths, named)
		}
	}
	for i := range c.Slots {
		paths = append(paths, &c.Slots[i].SOPIN.File, &c.Slots[i].PIN.File)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

// installed is the path of a library of PKCS#11 where distributions put them; name itself
// where it is not there.
func installed(name string) string {
	for _, pattern := range []string{"/usr/lib/*/pkcs11", "/usr/lib64/pkcs11", "/usr/lib/pkcs11", "/usr/local/lib/pkcs11", "/usr/lib/softhsm"} {
		if found, _ := filepath.Glob(filepath.Join(pattern, name)); len(found) == 1 {
			return found[0]
		}
	}
	return name
}

// Parse reads the text of a file.
func Parse(text []byte) (*Config, error) {
	c := new(Config)
	if err := strictyaml.Decode(text, c); err != nil {
		return nil, err
	}
	return c, c.check()
}

func (c *Config) check() error {
	switch {
	case c.Format != Format:
		return fmt.Errorf("format is %q: this program reads %q", c.Format, Format)
	case (c.Backend.Token == "") == (c.Backend.Module == ""):
		return errors.New("backend: either token (a directory, or memory) or module (the path of a library)")
	case c.Backend.Module != "" && (len(c.Slots) > 0 || c.Legacy):
		return errors.New("slots and legacy are of a token; a module has its own")
	}
	for _, s := range c.Slots {
		if s.Label == "" && (s.SOPIN != PIN{} || s.PIN != PIN{}) {
			return fmt.Errorf("slot %d: PINs without a label: a token with a label is initialised with them", s.ID)
		}
	}
	return errors.Join(c.Control.check(), c.Needle.check(c.Control.UnsafeNeedles), c.Trace.check(c.Control.Socket))
}

// Path is that of the socket in this process: "%p" in the file stands for the pid, so that
// several processes may have the same file.
func (c Control) Path() string {
	return strings.ReplaceAll(c.Socket, "%p", strconv.Itoa(os.Getpid()))
}

func (c Control) check() error {
	if c.Socket == "" && (len(c.UIDs) > 0 || c.UnsafeNeedles) {
		return errors.New("control: uids and unsafe_needles want a socket")
	}
	return nil
}

func (n Needle) check(allowed bool) error {
	switch {
	case !allowed && (len(n.Functions) > 0 || n.Shortest != 0):
		return errors.New("needle: wants control: {unsafe_needles: true}")
	case n.Shortest != 0 && n.Shortest < needle.Shortest:
		return fmt.Errorf("needle: shortest is %d bytes or more", needle.Shortest)
	}
	for _, f := range n.Functions {
		if known := needle.Functions(); !slices.Contains(known, f) {
			return fmt.Errorf("needle: no value comes from %.40q; one does from %s", f, strings.Join(known, ", "))
		}
	}
	return nil
}

func (t Trace) check(socket string) error {
	if t.Labels && t.File == "" && socket == "" {
		return errors.New("trace: labels of no records: neither a file nor a control socket")
	}
	return nil
}

// read gives the PIN.
func (p PIN) read(getenv func(string) (string, bool)) (string, error) {
	switch {
	case (p.Env == "") == (p.File == ""):
		return "", errors.New("a PIN is {env: NAME} or {file: PATH}")
	case p.File != "":
		text, err := os.ReadFile(p.File)
		line, _, _ := strings.Cut(string(text), "\n")
		clear(text)
		return line, err
	}
	pin, ok := getenv(p.Env)
	if !ok {
		return "", fmt.Errorf("the variable %s, which holds a PIN, is not set", p.Env)
	}
	return pin, nil
}
