package token_test

import (
	"os"
	"testing"

	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// TestMain lets this binary be the process that kill_test.go kills, and gives
// the tests a SoftHSM with a directory of its own.
func TestMain(m *testing.M) {
	if job := os.Getenv(victimVariable); job != "" {
		os.Exit(victim(job))
	}
	os.Exit(hsmtest.Main(m))
}
