package rfc_test

import (
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
	"github.com/epsbench/epsbench/conformance/rfc"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	emulated "github.com/epsbench/epsbench/emulator/token"
)

// judge gives the results of the family on a target, by verdict.
func judge(t *testing.T, on conformance.Target, filter string) map[conformance.Verdict][]conformance.Result {
	t.Helper()
	results := map[conformance.Verdict][]conformance.Result{}
	_, err := conformance.Run(rfc.Family(conformance.Quick), on, filter, 1, func(r conformance.Result) {
		results[r.Verdict] = append(results[r.Verdict], r)
	})
	if err != nil {
		t.Fatal(err)
	}
	return results
}

const (
	onModule = "RFC4226-appD || RFC6238-appB || RFC6287-appC || RFC3394-4"
	onServer = "RFC4226-appD-server || RFC6238-appB-server"

	moduleCases = 10 + 18 + 70 + 6
)

func expect(t *testing.T, got map[conformance.Verdict][]conformance.Result, verdict conformance.Verdict, n int) {
	t.Helper()
	if len(got) != 1 || len(got[verdict]) != n {
		for v, results := range got {
			t.Errorf("%d × %s, first %+v", len(results), v, results[0])
		}
		t.Errorf("want %d × %s", n, verdict)
	}
}

func TestSoftHSMPasses(t *testing.T) {
	expect(t, judge(t, module{softhsm}, onModule), conformance.Pass, moduleCases)
}

func TestEmulatorPasses(t *testing.T) {
	m, err := emulated.New(emulated.Config{Label: "rfc", SOPIN: soPIN, UserPIN: userPIN})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Initialize(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Finalize() })
	expect(t, judge(t, module{conformance.Slot{Module: m, PIN: userPIN}}, onModule), conformance.Pass, moduleCases)
}

func TestServerPasses(t *testing.T) {
	expect(t, judge(t, &server{}, onServer), conformance.Pass, 10+18)
}

// On a module alone the cases of the server do not apply, and the other way round.
func TestKinds(t *testing.T) {
	expect(t, judge(t, module{softhsm}, onServer), conformance.NotApplicable, 28)
	expect(t, judge(t, &server{}, onModule), conformance.NotApplicable, moduleCases)
}

// Case ids are those of the vectors.
func TestIDs(t *testing.T) {
	ids := map[string]bool{}
	for _, results := range judge(t, &challenger{}, "") {
		for _, r := range results {
			ids[r.ID] = true
		}
	}
	for _, id := range []string{
		"rfc4226/appD/0", "rfc4226/appD/9/server", "rfc6238/appB/sha1/59", "rfc6238/appB/sha512/20000000000/server", "rfc3394/4.6",
		"rfc6287/appC/one-way/sha1-6-qn08/0", "rfc6287/appC/mutual/sha512-8-qa08-psha1/client-4/server",
	} {
		if !ids[id] {
			t.Errorf("no case %s", id)
		}
	}
	if len(ids) != 10*2+18*2+70*2+6 {
		t.Errorf("%d cases", len(ids))
	}
}

// A broken server fails every case that shows the fault.
func TestBrokenServers(t *testing.T) {
	for name, c := range map[string]struct {
		server *server
		filter string
		says   string
	}{
		"accepts all":     {&server{acceptsAll: true}, onServer, "an OTP of no counter near"},
		"accepts none":    {&server{acceptsNone: true}, onServer, "is refused"},
		"forgets":         {&server{forgets: true}, onServer, "a second time"},
		"ignores a clock": {&server{ignoresClock: true}, "RFC6238-appB-server", "is refused"},
	} {
		t.Run(name, func(t *testing.T) {
			failures := judge(t, c.server, c.filter)[conformance.Fail]
			if len(failures) < 15 {
				t.Errorf("%d cases fail", len(failures))
			}
			for _, f := range failures {
				if !strings.Contains(f.Observed, c.says) {
					t.Errorf("%s: %s", f.ID, f.Observed)
				}
			}
		})
	}
}

// Modules with one fault each.
type (
	wrongMAC       struct{ cryptoki.Module } // the last byte of each MAC is another
	lenientUnwrap  struct{ cryptoki.Module } // a changed wrapped key is taken
	wrongWrap      struct{ cryptoki.Module } // another key is wrapped
	nothingListed  struct{ cryptoki.Module } // no mechanism at all
	noCreateObject struct{ cryptoki.Module } // as on tokens that only unwrap keys
	noKeys         struct{ noCreateObject }  // as on tokens that take none at all
)

func (m wrongMAC) Sign(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
	mac, err := m.Module.Sign(sh, data)
	if err == nil {
		mac[len(mac)-1]++
	}
	return mac, err
}

func (m lenientUnwrap) UnwrapKey(sh pkcs11.SessionHandle, mech []*pkcs11.Mechanism, kek pkcs11.ObjectHandle, wrapped []byte, a []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	key, err := m.Module.UnwrapKey(sh, mech, kek, wrapped, a)
	if err != nil {
		return kek, nil
	}
	return key, nil
}

func (m wrongWrap) WrapKey(sh pkcs11.SessionHandle, mech []*pkcs11.Mechanism, kek, key pkcs11.ObjectHandle) ([]byte, error) {
	wrapped, err := m.Module.WrapKey(sh, mech, kek, key)
	if err == nil {
		wrapped[3] ^= 0x40
	}
	return wrapped, err
}

func (nothingListed) GetMechanismList(uint) ([]*pkcs11.Mechanism, error) { return nil, nil }

func (noCreateObject) CreateObject(pkcs11.SessionHandle, []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return 0, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCONSISTENT)
}

func (noKeys) UnwrapKey(pkcs11.SessionHandle, []*pkcs11.Mechanism, pkcs11.ObjectHandle, []byte, []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return 0, pkcs11.Error(pkcs11.CKR_FUNCTION_NOT_SUPPORTED)
}

func TestBrokenModules(t *testing.T) {
	for name, c := range map[string]struct {
		module cryptoki.Module
		filter string
		want   conformance.Verdict
		n      int
	}{
		"wrong MAC":         {wrongMAC{softhsm.Module}, "RFC4226-appD", conformance.Fail, 10},
		"lenient unwrap":    {lenientUnwrap{softhsm.Module}, "RFC3394-4", conformance.Fail, 6},
		"wrong wrap":        {wrongWrap{softhsm.Module}, "RFC3394-4", conformance.Fail, 6},
		"no mechanisms":     {nothingListed{softhsm.Module}, onModule, conformance.NotImplemented, moduleCases},
		"no C_CreateObject": {noCreateObject{softhsm.Module}, onModule, conformance.Pass, moduleCases},
		"no keys":           {noKeys{noCreateObject{softhsm.Module}}, onModule, conformance.Blocked, moduleCases},
	} {
		t.Run(name, func(t *testing.T) {
			broken := softhsm
			broken.Module = c.module
			expect(t, judge(t, module{broken}, c.filter), c.want, c.n)
		})
	}
}

// Every claim of the family is in the catalogue, automated, and judged by some spec.
func TestEveryClaimIsJudged(t *testing.T) {
	judged := map[string]bool{}
	for _, results := range judge(t, &challenger{}, "") {
		for _, r := range results {
			judged[r.Claim] = true
		}
	}
	for _, c := range catalogue.ByFamily("rfc") {
		if (c.Status == conformance.Automated) != judged[c.ID] {
			t.Errorf("%s is %s, judged: %v", c.ID, c.Status, judged[c.ID])
		}
	}
}
