package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/config"
	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/trace"
)

// opened is the module of a file with a control socket, initialised, and a bench at it.
func opened(t *testing.T, more string) (cryptoki.Extended, *control.Client) {
	t.Helper()
	dir, err := os.MkdirTemp("", "config") // a short path: a socket's is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "socket")
	t.Setenv("TEST_PIN", "12345678")
	c, err := config.Parse([]byte("format: epsbench.emulator/1\nbackend: {token: memory}\n" +
		"slots: [{id: 3, label: eps, so_pin: {env: TEST_PIN}, pin: {env: TEST_PIN}}]\n" +
		"control: {socket: " + socket + ", unsafe_needles: true}\n" + more))
	if err != nil {
		t.Fatal(err)
	}
	m, err := c.Open(os.LookupEnv)
	if err == nil {
		err = m.Initialize()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Finalize() })
	client, err := control.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	return m, client
}

func generate(t *testing.T, m cryptoki.Module, label string, length int) pkcs11.ObjectHandle {
	t.Helper()
	s, err := m.OpenSession(3, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	key, err := m.GenerateKey(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_GENERIC_SECRET_KEY_GEN, nil)}, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, length), pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
		pkcs11.NewAttribute(pkcs11.CKA_PRIVATE, false), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestTheControlSocketOfAFile(t *testing.T) {
	m, bench := opened(t, "trace: {labels: true}\n")
	var seen trace.Recorder
	records, err := bench.Records(t.Context(), seen.Add)
	if err != nil {
		t.Fatal(err)
	}
	generate(t, m, "K_m", 32)
	if err := bench.PlayYAML(t.Context(), "name: x\nabout: y\nrules: [{when: {function: [C_GetSlotList]}, then: {return: CKR_DEVICE_ERROR}}]\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.GetSlotList(true); !errors.Is(err, pkcs11.Error(pkcs11.CKR_DEVICE_ERROR)) {
		t.Errorf("the plan is not played: %v", err)
	}
	m.Finalize()
	if err := records.Wait(); err != nil {
		t.Fatal(err)
	}
	all := seen.Since(0)
	i := slices.IndexFunc(all, func(r trace.Record) bool { return r.Function == "C_GenerateKey" })
	if i < 0 || !slices.Equal(all[i].Labels, []string{`"K_m"`}) {
		t.Errorf("records %+v", all)
	}
	if all[len(all)-1].Function != "C_Finalize" {
		t.Errorf("the last is %s", all[len(all)-1].Function)
	}
}

func TestASocketForEachProcess(t *testing.T) {
	if got, want := (config.Control{Socket: "/run/%p.sock"}).Path(), fmt.Sprintf("/run/%d.sock", os.Getpid()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTheNeedlesThatAFileChooses(t *testing.T) {
	m, bench := opened(t, "needle: {functions: [C_GenerateKey], shortest: 24}\n")
	told := make(chan needle.Needle, 2)
	if _, err := bench.Needles(t.Context(), func(n needle.Needle) { told <- n }); err != nil {
		t.Fatal(err)
	}
	generate(t, m, "short", 16)
	key := generate(t, m, "long", 24)
	if n := <-told; n.Key != uint(key) || len(n.Value()) != 24 {
		t.Errorf("told %v", n)
	}
}
