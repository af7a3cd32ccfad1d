package enroll_test

import (
	"os"
	"testing"

	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }
