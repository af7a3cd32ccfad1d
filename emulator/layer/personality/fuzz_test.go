package personality

import (
	"testing"

	"github.com/epsbench/epsbench/emulator/strictyaml"
)

// What is read as a personality is one that a layer can have.
func FuzzPersonality(f *testing.F) {
	files, err := embedded.ReadDir("personalities")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := embedded.ReadFile("personalities/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p := new(Personality)
		if strictyaml.Decode(text, p) != nil || p.extend() != nil || p.check() != nil {
			return
		}
		if _, err := New(nothing{}, p, Options{}); err != nil {
			t.Error(err)
		}
	})
}
