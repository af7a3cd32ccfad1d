package strict_test

import (
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference/api/strict"
)

type settings struct {
	Name string `yaml:"name"`
	HSM  struct {
		Module  string `yaml:"module"`
		PINFile string `yaml:"pin_file"`
		Slot    *uint  `yaml:"slot"`
	} `yaml:"hsm"`
	Validity time.Duration `yaml:"validity"`
	Digits   int           `yaml:"digits"`
	Roles    []struct {
		Subject string `yaml:"subject"`
	} `yaml:"roles"`
}

func TestYAMLRefusesAndSaysWhere(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"misspelt", "name: a\nhsm:\n  modul: x\n", `line 3: unknown field "modul"; did you mean "module"?`},
		{"unknown", "zzzzzzzz: 1\n", `line 1: unknown field "zzzzzzzz"; known here: name, hsm, validity, digits, roles`},
		{"twice", "name: a\nname: b\n", `line 2: field "name" twice`},
		{"inside a list", "roles:\n- subjekt: a\n", `line 2: unknown field "subjekt"; did you mean "subject"?`},
		{"no value", "name: a\nhsm:\n", `line 2: a value is missing`},
		{"scalar for a mapping", "hsm: 1\n", `line 1: a mapping is wanted here`},
		{"scalar for a list", "roles: 1\n", `line 1: a list is wanted here`},
		{"two documents", "name: a\n---\nname: b\n", `more than one document, or trailing data`},
		{"empty", "", `the file is empty`},
		{"alias", "name: &a x\nhsm: {module: *a}\n", `line 2: aliases are not taken`},
		{"not YAML", "name: [", `yaml: line 1: did not find expected node content`},
		{"not a number", "digits: many\n", `line 1: cannot unmarshal`},
		{"not a duration", "validity: 3\nname: [a]\n", `line 2: cannot unmarshal`},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := strict.YAML([]byte(c.text), new(settings))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestYAMLKeepsWhatIsLeftOut(t *testing.T) {
	s := settings{Digits: 6}
	if err := strict.YAML([]byte("name: a\nhsm: {slot: 0}\nvalidity: 24h\n"), &s); err != nil {
		t.Fatal(err)
	}
	if s.Digits != 6 || s.Name != "a" || s.Validity != 24*time.Hour || s.HSM.Slot == nil {
		t.Errorf("got %+v", s)
	}
}

func TestEnvOverrides(t *testing.T) {
	var s settings
	err := strict.Env("EPS", []string{"EPS_HSM_PIN_FILE=pin: #1", "EPS_VALIDITY=2h", "EPS_HSM_SLOT=3", "EPS_PIN=1234", "PATH=/bin"}, &s, "EPS_PIN")
	if err != nil || s.HSM.PINFile != "pin: #1" || s.Validity != 2*time.Hour || *s.HSM.Slot != 3 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestEnvRefusesWhatOverridesNothing(t *testing.T) {
	for entry, want := range map[string]string{
		"EPS_HSM_MODUL=x":     `did you mean "EPS_HSM_MODULE"?`,
		"EPS_DIGITS=fourteen": "EPS_DIGITS: not a int",
	} {
		if err := strict.Env("EPS", []string{entry}, new(settings)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

// FuzzYAML: no panic, and what is accepted names only known fields.
func FuzzYAML(f *testing.F) {
	f.Add([]byte("name: a\nhsm: {module: x}\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("<<: {name: a}\n"))
	f.Add([]byte("name: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s settings
		_ = strict.YAML(data, &s)
	})
}
