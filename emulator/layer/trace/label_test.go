package trace_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/emulator/token"
)

// program uses a token whose records tell labels.
type program struct {
	cryptoki.Extended
	t   *testing.T
	rec trace.Recorder
	s   pkcs11.SessionHandle
}

func labelled(t *testing.T, o trace.Options) *program {
	t.Helper()
	m, err := token.New(token.Config{Label: "demo", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t}
	p.Extended = trace.With(m, o, p.rec.Add)
	p.must(p.Initialize())
	p.open()
	p.must(p.Login(p.s, pkcs11.CKU_USER, "123456"))
	return p
}

func (p *program) open() {
	p.t.Helper()
	var err error
	p.s, err = p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	p.must(err)
}

func (p *program) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func attribute(typ uint, value any) *pkcs11.Attribute { return pkcs11.NewAttribute(typ, value) }

func (p *program) make(label string, stored bool) pkcs11.ObjectHandle {
	p.t.Helper()
	template := []*pkcs11.Attribute{attribute(pkcs11.CKA_VALUE_LEN, 32), attribute(pkcs11.CKA_SIGN, true),
		attribute(pkcs11.CKA_PRIVATE, false), attribute(pkcs11.CKA_TOKEN, stored)}
	if label != "" {
		template = append(template, attribute(pkcs11.CKA_LABEL, label))
	}
	key, err := p.GenerateKey(p.s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)}, template)
	p.must(err)
	return key
}

// use gives the labels that the record of a use of the key tells.
func (p *program) use(key pkcs11.ObjectHandle) []string {
	p.t.Helper()
	mark := p.rec.Mark()
	p.GetObjectSize(p.s, key)
	return p.rec.Since(mark)[0].Labels
}

func TestARecordTellsTheLabelsThatAreKnown(t *testing.T) {
	is := func(t *testing.T, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("labels %q, want %q", got, want)
		}
	}
	for name, check := range map[string]func(*testing.T, *program){
		"of the template that made it": func(t *testing.T, p *program) {
			key := p.make("K_m", false)
			all := p.rec.Since(0)
			is(t, all[len(all)-1].Labels, `"K_m"`)
			is(t, p.use(key), `"K_m"`)
		},
		"none": func(t *testing.T, p *program) { is(t, p.use(p.make("", false))) },
		"of a copy": func(t *testing.T, p *program) {
			other, err := p.CopyObject(p.s, p.make("K_m", false), nil)
			p.must(err)
			all := p.rec.Since(0)
			is(t, all[len(all)-1].Labels, `"K_m"`, `"K_m"`)
			is(t, p.use(other), `"K_m"`)
		},
		"as it was changed": func(t *testing.T, p *program) {
			key := p.make("K_m", false)
			p.must(p.SetAttributeValue(p.s, key, []*pkcs11.Attribute{attribute(pkcs11.CKA_LABEL, "K_n")}))
			is(t, p.use(key), `"K_n"`)
		},
		"that was searched": func(t *testing.T, p *program) {
			p.make("K_m", true)
			p.forget()
			p.must(p.FindObjectsInit(p.s, []*pkcs11.Attribute{attribute(pkcs11.CKA_LABEL, "K_m")}))
			found, _, err := p.FindObjects(p.s, 5)
			p.must(err)
			is(t, p.use(found[0]), `"K_m"`)
		},
		"that was read": func(t *testing.T, p *program) {
			key := p.make("K_m", true)
			p.forget()
			is(t, p.use(key))
			_, err := p.GetAttributeValue(p.s, key, []*pkcs11.Attribute{attribute(pkcs11.CKA_LABEL, nil)})
			p.must(err)
			is(t, p.use(key), `"K_m"`)
		},
		"not once it is destroyed": func(t *testing.T, p *program) {
			key := p.make("K_m", false)
			p.must(p.DestroyObject(p.s, key))
			all := p.rec.Since(0)
			is(t, all[len(all)-1].Labels, `"K_m"`)
			is(t, p.use(key))
		},
		"not once its session is closed": func(t *testing.T, p *program) {
			key, stored := p.make("K_m", false), p.make("K_n", true)
			first := p.s
			p.open()
			p.must(p.CloseSession(first))
			is(t, p.use(key))
			is(t, p.use(stored), `"K_n"`)
		},
		"in one line, and cut": func(t *testing.T, p *program) {
			is(t, p.use(p.make("a\nb"+strings.Repeat("x", 100), false)), `"a\nb`+strings.Repeat("x", 61)+`"`)
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, labelled(t, trace.Options{Labels: true})) })
	}
}

// forget logs out and in, which ends what is known of the slot.
func (p *program) forget() {
	p.t.Helper()
	p.must(p.Logout(p.s))
	p.must(p.Login(p.s, pkcs11.CKU_USER, "123456"))
}

func TestNoLabelsUnlessAskedFor(t *testing.T) {
	p := labelled(t, trace.Options{})
	if got := p.use(p.make("K_m", false)); got != nil {
		t.Errorf("labels %q", got)
	}
}

// More keys than it remembers: it forgets some, and its memory does not grow.
func TestLabelsOfMoreKeysThanItRemembers(t *testing.T) {
	p := labelled(t, trace.Options{Labels: true})
	known := 0
	var keys []pkcs11.ObjectHandle
	for range 4200 {
		keys = append(keys, p.make("K", false))
	}
	for _, key := range keys {
		known += len(p.use(key))
	}
	if known != 4096 {
		t.Errorf("%d labels are known", known)
	}
}

// Nobody wants records: none is made, and the labels are learnt all the same.
func TestLabelsAreLearntWhileNobodyListens(t *testing.T) {
	wanted := false
	p := labelled(t, trace.Options{Labels: true, Wanted: func() bool { return wanted }})
	key := p.make("K_m", false)
	if p.rec.Mark() != 0 {
		t.Errorf("%d records", p.rec.Mark())
	}
	wanted = true
	if got := p.use(key); !slices.Equal(got, []string{`"K_m"`}) {
		t.Errorf("labels %q", got)
	}
}
