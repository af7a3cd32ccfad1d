package fault_test

import (
	"io/fs"
	"os"
	"testing"

	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/strictyaml/schematest"
)

func TestTheSchemaOfScenarios(t *testing.T) {
	s := schematest.New(t, fault.Schema())
	s.Fits(fault.Scenario{})
	files, err := fs.Glob(os.DirFS("."), "scenarios/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Judge(string(text)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// Where a text alone decides, the schema and the reader decide alike.
func TestSchemaAndReaderAgree(t *testing.T) {
	s := schematest.New(t, fault.Schema())
	const head = "name: x\nabout: y\n"
	for name, tt := range map[string]struct {
		text  string
		taken bool
	}{
		"all of it": {head + `source: z
rules:
  - name: first
    when: {function: [C_Sign], mechanism: [CKM_AES_ECB, "0x80000001", 7], nth: 1, every: 2, chance: 0.5, times: 3, idle: 1h30m, until: C_Login}
    then: {delay: 250ms, hang: 1.5s, close: session, logout: true, another_handle: true, done: true, no_slots: true, flip_bit: true, repeat: true, return: 5}
  - {when: {after: first}, then: {return: CKR_DEVICE_ERROR}}
`, true},
		"an unknown key":            {head + "rules: [{then: {return: CKR_OK}}]\nseed: 3\n", false},
		"an unknown key of a rule":  {head + "rules: [{whenever: {}, then: {return: CKR_OK}}]\n", false},
		"an unknown trigger":        {head + "rules: [{when: {functions: [C_Sign]}, then: {return: CKR_OK}}]\n", false},
		"an unknown effect":         {head + "rules: [{then: {crash: true}}]\n", false},
		"no rules":                  {head + "rules: []\n", false},
		"no name":                   {"about: y\nrules: [{then: {return: CKR_OK}}]\n", false},
		"a rule that does nothing":  {head + "rules: [{then: {}}]\n", false},
		"a name that is none":       {head + "rules: [{when: {function: [Sign]}, then: {return: CKR_OK}}]\n", false},
		"a value that is none":      {head + "rules: [{then: {return: DEVICE_ERROR}}]\n", false},
		"an answer that is no loss": {head + "rules: [{then: {done: true}}]\n", false},
		"a chance above one":        {head + "rules: [{when: {chance: 1.1}, then: {return: CKR_OK}}]\n", false},
		"a time without a unit":     {head + "rules: [{then: {delay: 5}}]\n", false},
		"a time below zero":         {head + "rules: [{then: {delay: -5s}}]\n", false},
		"a close of something else": {head + "rules: [{then: {close: slot}}]\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Judge(tt.text); (err == nil) != tt.taken {
				t.Errorf("the schema: %v", err)
			}
			if _, err := fault.Parse([]byte(tt.text)); (err == nil) != tt.taken {
				t.Errorf("the reader: %v", err)
			}
		})
	}
}
