package authclient

import (
	"bytes"
	"testing"

	"github.com/epsbench/epsbench/vectors"
)

// TestKeyWrap: package authserver tests the rest of the client against a real server.
func TestKeyWrap(t *testing.T) {
	for _, v := range vectors.RFC3394() {
		got, err := wrap3394(v.KEK, v.Key)
		if err != nil || !bytes.Equal(got, v.Wrapped) {
			t.Errorf("%s: %x, %v", v.ID, got, err)
		}
	}
}
