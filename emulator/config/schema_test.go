package config_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/epsbench/epsbench/emulator/config"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/strictyaml/schematest"
)

func TestTheSchemaOfTheFile(t *testing.T) {
	s := schematest.New(t, config.Schema())
	s.Fits(config.Config{})
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```yaml\n(format.*?)```").FindSubmatch(readme)
	if example == nil {
		t.Fatal("no example in the README")
	}
	for _, text := range []string{whole, string(example[1])} {
		if err := s.Judge(text); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
		if _, err := config.Parse([]byte(text)); err != nil {
			t.Errorf("%s\n%v", text, err)
		}
	}
	var doc struct {
		Properties struct {
			Needle struct {
				Properties struct {
					Functions struct{ Items struct{ Enum []string } }
				}
			}
		}
	}
	if err := json.Unmarshal(config.Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	if has := doc.Properties.Needle.Properties.Functions.Items.Enum; !slices.Equal(has, needle.Functions()) {
		t.Errorf("functions %v, want %v", has, needle.Functions())
	}
}

// Where a text alone decides, the schema and the reader decide alike.
func TestSchemaAndReaderAgree(t *testing.T) {
	s := schematest.New(t, config.Schema())
	const head = "format: epsbench.emulator/1\nbackend: {token: memory}\n"
	for name, tt := range map[string]struct {
		text  string
		taken bool
	}{
		"all of it": {head + `legacy: true
slots: [{id: 5, label: eps, so_pin: {env: A}, pin: {file: /b}}, {id: 2}]
personality: luna-7
fault: {scenario: failover, seed: 18446744073709551615}
trace: {file: /t, labels: true}
control: {socket: /s, uids: [0, 4294967295], unsafe_needles: true}
needle: {functions: [C_UnwrapKey], shortest: 16}
`, true},
		"another library":             {"format: epsbench.emulator/1\nbackend: {module: /x.so}\n", true},
		"another format":              {"format: epsbench.emulator/2\nbackend: {token: memory}\n", false},
		"no backend":                  {"format: epsbench.emulator/1\n", false},
		"two backends":                {"format: epsbench.emulator/1\nbackend: {token: memory, module: /x.so}\n", false},
		"slots of a library":          {"format: epsbench.emulator/1\nbackend: {module: /x.so}\nslots: [{id: 1}]\n", false},
		"legacy of a library":         {"format: epsbench.emulator/1\nbackend: {module: /x.so}\nlegacy: true\n", false},
		"an unknown key":              {head + "traces: {}\n", false},
		"an unknown key of a slot":    {head + "slots: [{ids: 1}]\n", false},
		"an unknown key of control":   {head + "control: {sockets: /s}\n", false},
		"a PIN in the file":           {head + "slots: [{id: 1, label: x, pin: 1234}]\n", false},
		"PINs without a label":        {head + "slots: [{id: 1, pin: {env: X}}]\n", false},
		"uids of no socket":           {head + "control: {uids: [7]}\n", false},
		"a uid below zero":            {head + "control: {socket: /s, uids: [-7]}\n", false},
		"needles that are everywhere": {head + "control: {socket: /s, unsafe_needles: true}\nneedle: {shortest: 2}\n", false},
		"needles from nowhere":        {head + "control: {socket: /s, unsafe_needles: true}\nneedle: {functions: [C_Sign]}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Judge(tt.text); (err == nil) != tt.taken {
				t.Errorf("the schema: %v", err)
			}
			if _, err := config.Parse([]byte(tt.text)); (err == nil) != tt.taken {
				t.Errorf("the reader: %v", err)
			}
		})
	}
}
