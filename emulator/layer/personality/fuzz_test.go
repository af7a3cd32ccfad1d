package personality

import "testing"

func FuzzRead(f *testing.F) {
	luna, err := embedded.ReadFile("personalities/luna-7.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(luna)
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := read(text)
		if err != nil {
			return
		}
		for _, r := range p.Rules {
			if _, err := compile(&r); err != nil {
				t.Errorf("read took rule %q, which does not hold: %v", r.ID, err)
			}
		}
	})
}
