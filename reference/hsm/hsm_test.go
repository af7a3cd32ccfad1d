package hsm_test

import (
	"os"
	"testing"

	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }

func TestChoicesOnSoftHSM(t *testing.T) {
	h := hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t))
	for _, c := range h.Choices() {
		t.Logf("%-20s %-60s %s", c.Operation, c.Strategy, c.Why)
	}
	t.Log(h.Info(), h.Stats())
}
