package hsm_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hsm"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/token"
)

const (
	soPIN   = "87654321"
	userPIN = "12345678"
)

// Each rule is seen from outside as it says, and is not seen when it is left out.
func TestEachRuleOfEachPersonalityIsSeen(t *testing.T) {
	for _, p := range personalities(t) {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			whole := as(t, p, "")
			for _, r := range p.Rules {
				if r.Probe == "" {
					continue
				}
				if got := probed(t, whole, r.Probe); got != r.Observed {
					t.Errorf("%s: %s gives %q, and should give %q", r.ID, r.Probe, got, r.Observed)
				}
				if got := probed(t, as(t, p, r.ID), r.Probe); got == r.Observed {
					t.Errorf("%s is idle: %s gives %q without it too", r.ID, r.Probe, got)
				}
			}
		})
	}
}

// A rule without a probe is one that nobody sees in a single answer: how fast an HSM is.
// Every other is seen.
func TestOnlySpeedGoesWithoutAProbe(t *testing.T) {
	for _, p := range personalities(t) {
		for _, r := range p.Rules {
			if r.Probe == "" && (r.Then.Limit == nil || r.Then.Limit.Rate == 0) {
				t.Errorf("%s: %s has no probe", p.Name, r.ID)
			}
		}
	}
}

// What the personality of SoftHSM says was measured on SoftHSM: it still holds there.
func TestSoftHSMIsAsItsPersonalitySays(t *testing.T) {
	p, err := personality.Load("softhsm-2.6.1")
	if err != nil {
		t.Fatal(err)
	}
	slot := softHSM(t)
	for _, r := range p.Rules {
		if got := probed(t, slot, r.Probe); got != r.Observed {
			t.Errorf("%s: %s gives %q on SoftHSM, the personality %q", r.ID, r.Probe, got, r.Observed)
		}
	}
}

// The personality offers no mechanism that SoftHSM does not have.
func TestSoftHSMHasWhatItsPersonalityOffers(t *testing.T) {
	p, err := personality.Load("softhsm-2.6.1")
	if err != nil {
		t.Fatal(err)
	}
	real, offered := softHSM(t), as(t, p, "")
	has := map[uint]bool{}
	for _, m := range list(t, real) {
		has[m.Mechanism] = true
	}
	for _, m := range list(t, offered) {
		if !has[m.Mechanism] {
			t.Errorf("%s is offered", cryptoki.MechanismName(m.Mechanism))
		}
	}
}

func list(t *testing.T, s conformance.Slot) []*pkcs11.Mechanism {
	t.Helper()
	all, err := s.Module.GetMechanismList(s.ID)
	must(t, err)
	return all
}

// A word that a probe does not take is said to be wrong, and nothing is tried.
func TestAProbeThatThereIsNot(t *testing.T) {
	slot := as(t, &personality.Personality{}, "")
	for spec, says := range map[string]string{
		"":                                "no probe is named",
		"no-such":                         `no probe is called "no-such"`,
		"wrap":                            "0 words follow its name, and should be as in: wrap MECHANISM aes|rsa",
		"library and more":                "2 words follow its name, and should be as in: library",
		"sessions nine":                   `"nine" should be a number from 1 to 65535, as in: sessions N`,
		"sessions 0":                      `"0" should be a number`,
		"sessions -1":                     `"-1" should be a number`,
		"can CKM_AES_CBQ":                 `"CKM_AES_CBQ" should be a mechanism`,
		"can 0x1FFFFFFFF":                 "should be a mechanism",
		"absent CKM_AES_CBC,":             "should be mechanisms",
		"set CKM_AES_CBC":                 `"CKM_AES_CBC" should be an attribute`,
		"wrap CKM_AES_CBC des":            `"des" should be aes or rsa`,
		"fixed put":                       `"put" should be set or copy`,
		"generate CKA_WRAP=yes":           `"CKA_WRAP=yes" should be attributes and their values`,
		"generate CKA_WRAP":               "should be attributes and their values",
		"unwrap-twice CKA_WRAP CKA_LABEL": `"CKA_LABEL" should be the attribute of a usage`,
		"oaep sha3":                       `"sha3" should be sha1 or sha256 or label, or a number from 512 to 16384`,
		"login-as so":                     `"so" should be a number of 32 bits`,
	} {
		if got, err := hsm.Probe(slot, spec); !errors.Is(err, hsm.ErrNoProbe) || !strings.Contains(err.Error(), says) || got != "" {
			t.Errorf("%q: %q, %v", spec, got, err)
		}
	}
}

// What a rule says that its probe observes is one of the answers that are documented.
func TestEachObservationIsAnAnswerOfItsProbe(t *testing.T) {
	answers := map[string][]string{}
	for _, d := range hsm.Probes() {
		name, _, _ := strings.Cut(d.Usage, " ")
		answers[name] = d.Answers
	}
	form := strings.NewReplacer("…", ".*", "N", `\d+`)
	for _, p := range personalities(t) {
		for _, r := range p.Rules {
			name, _, _ := strings.Cut(r.Probe, " ")
			if name != "" && !slices.ContainsFunc(answers[name], func(answer string) bool {
				return regexp.MustCompile("^" + form.Replace(answer) + "$").MatchString(r.Observed)
			}) {
				t.Errorf("%s: %s: %q is none of %q", p.Name, r.Probe, r.Observed, answers[name])
			}
		}
	}
}

// Each kind of argument in a usage that is not the word itself is explained.
func TestEachArgumentIsExplained(t *testing.T) {
	explained := map[string]bool{}
	for _, a := range hsm.Arguments() {
		explained[a[0]] = true
	}
	for _, d := range hsm.Probes() {
		for _, word := range strings.Fields(d.Usage)[1:] {
			if word == strings.ToUpper(word) && !explained[word] {
				t.Errorf("%s: what is %s?", d.Usage, word)
			}
		}
	}
}

func personalities(t *testing.T) []*personality.Personality {
	t.Helper()
	all, err := personality.List()
	if err != nil || len(all) != 9 {
		t.Fatalf("%d personalities, %v", len(all), err)
	}
	return all
}

// as gives a fresh token behind a personality, without the rule named skip.
func as(t *testing.T, p *personality.Personality, skip string) conformance.Slot {
	t.Helper()
	without := *p
	without.Rules = nil
	for _, r := range p.Rules {
		if r.ID != skip {
			without.Rules = append(without.Rules, r)
		}
	}
	behind, err := token.New(token.Config{Label: "demo", SOPIN: soPIN, UserPIN: userPIN, Permit: without.Permits()})
	if err != nil {
		t.Fatal(err)
	}
	m, err := personality.New(behind, &without, personality.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	return conformance.Slot{Module: m, PIN: userPIN, SOPIN: soPIN}
}

func probed(t *testing.T, slot conformance.Slot, spec string) string {
	t.Helper()
	got, err := hsm.Probe(slot, spec)
	if err != nil {
		t.Fatalf("%s: %v", spec, err)
	}
	return got
}

// softHSM makes a token. The library reads its configuration once in a process.
func softHSM(t *testing.T) conformance.Slot {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", conf)
	m, err := cryptoki.Open("/usr/lib/softhsm/libsofthsm2.so") // Debian: apt install softhsm2
	if err != nil {
		t.Fatal(err)
	}
	must(t, m.Initialize())
	t.Cleanup(func() { m.Finalize() })
	must(t, m.InitToken(slots(t, m)[0], soPIN, "demo"))
	id := slots(t, m)[0] // SoftHSM gives it another number
	sh, err := m.OpenSession(id, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	must(t, m.Login(sh, pkcs11.CKU_SO, soPIN))
	must(t, m.InitPIN(sh, userPIN))
	must(t, m.Logout(sh))
	must(t, m.CloseSession(sh))
	return conformance.Slot{Module: m, ID: id, PIN: userPIN, SOPIN: soPIN}
}

func slots(t *testing.T, m cryptoki.Module) []uint {
	t.Helper()
	ids, err := m.GetSlotList(true)
	must(t, err)
	return ids
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
