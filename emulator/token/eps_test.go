package token_test

import (
	"context"
	"testing"

	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// The EPS finds on this token everything that it needs, by its best strategies.
func TestEPSOperations(t *testing.T) {
	m, err := token.New(token.Config{Label: "eps", SOPIN: "87654321", UserPIN: "123456"})
	if err != nil {
		t.Fatal(err)
	}
	h, err := hsm.Open(context.Background(), m, hsm.Config{Label: "eps", PIN: reference.NewSecret([]byte("123456"))})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, c := range h.Choices() {
		t.Logf("%-20s %-40s %s", c.Operation, c.Strategy, c.Why)
	}
}
