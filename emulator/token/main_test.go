package token_test

import (
	"os"
	"testing"

	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

// TestMain gives the tests a SoftHSM with a directory of its own.
func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }
