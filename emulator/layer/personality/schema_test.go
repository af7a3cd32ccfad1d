package personality

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/emulator/strictyaml/schematest"
	"github.com/epsbench/epsbench/emulator/token"
)

func TestTheSchemaOfPersonalities(t *testing.T) {
	s := schematest.New(t, Schema())
	s.Fits(Personality{})
	files, err := embedded.ReadDir("personalities")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		text, err := embedded.ReadFile("personalities/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Judge(string(text)); err != nil {
			t.Errorf("%s: %v", f.Name(), err)
		}
	}
}

// The schema has the words of the tables, all of them.
func TestTheWordsOfTheSchema(t *testing.T) {
	var doc struct {
		Defs struct {
			When, Key, Then struct{ Properties map[string]json.RawMessage }
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	d := &doc.Defs
	for name, tt := range map[string]struct {
		schema json.RawMessage
		table  []string
	}{
		"given":  {d.When.Properties["given"], words(givens)},
		"type":   {d.Key.Properties["type"], words(keyTypes)},
		"do":     {d.Then.Properties["do"], words(deeds)},
		"says":   {d.Then.Properties["says"], words(says)},
		"permit": {d.Then.Properties["permit"], slices.Sorted(slices.Values(token.Permits))},
	} {
		var property struct {
			Enum                 []string
			Items, PropertyNames struct{ Enum []string }
		}
		if err := json.Unmarshal(tt.schema, &property); err != nil {
			t.Fatal(err)
		}
		has := slices.Concat(property.Enum, property.Items.Enum, property.PropertyNames.Enum)
		if !slices.Equal(has, tt.table) {
			t.Errorf("%s: the schema has [\"%s\"], the table [\"%s\"]", name, strings.Join(has, `", "`), strings.Join(tt.table, `", "`))
		}
	}
}

func words[V any](table map[string]V) []string { return slices.Sorted(maps.Keys(table)) }

// Where a text alone decides, the schema and the reader decide alike.
func TestSchemaAndReaderAgree(t *testing.T) {
	s := schematest.New(t, Schema())
	const head = "format: epsbench.personality/1\nname: x\nwords: y\n"
	const rule = head + "rules:\n  - {id: a, text: b, source: c, confidence: measured, "
	for name, tt := range map[string]struct {
		text  string
		taken bool
	}{
		"a rule that refuses":         {rule + "when: {function: [C_UnwrapKey]}, then: {return: CKR_DEVICE_ERROR}}\n", true},
		"attributes":                  {rule + `when: {function: [C_CreateObject]}, then: {default: {CKA_SENSITIVE: true, CKA_KEY_TYPE: 31, CKA_LABEL: ""}}}` + "\n", true},
		"another format":              {"format: epsbench.personality/2\nname: x\nwords: y\n", false},
		"no words":                    {"format: epsbench.personality/1\nname: x\n", false},
		"an unknown key":              {head + "rule: []\n", false},
		"an unknown key of a rule":    {rule + "whenever: {}, then: {absent: true}}\n", false},
		"an unknown condition":        {rule + "when: {functions: [C_Sign]}, then: {return: CKR_DEVICE_ERROR}}\n", false},
		"an unknown effect":           {rule + "when: {function: [C_Sign]}, then: {crash: true}}\n", false},
		"nothing happens":             {rule + "then: {}}\n", false},
		"no source":                   {head + "rules: [{id: a, text: b, confidence: measured, when: {function: [C_Sign]}, then: {return: CKR_DEVICE_ERROR}}]\n", false},
		"a confidence that is none":   {head + "rules: [{id: a, text: b, source: c, confidence: sure, when: {function: [C_Sign]}, then: {return: CKR_DEVICE_ERROR}}]\n", false},
		"a probe that sees nothing":   {rule + "probe: library, when: {function: [C_Sign]}, then: {return: CKR_DEVICE_ERROR}}\n", false},
		"a word that is none":         {rule + "then: {do: dance}}\n", false},
		"a field that is none":        {rule + "then: {says: {colour: red}}}\n", false},
		"a value that is none":        {rule + "when: {function: [C_CreateObject]}, then: {set: {CKA_LABEL: text}}}\n", false},
		"a vendor's number too large": {head + "numbers: {CKM_X: -1}\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Judge(tt.text); (err == nil) != tt.taken {
				t.Errorf("the schema: %v", err)
			}
			path := t.TempDir() + "/x.yaml"
			if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Load(path); (err == nil) != tt.taken {
				t.Errorf("the reader: %v", err)
			}
		})
	}
}
