package authserver

import (
	"context"
	"crypto"
	"fmt"
	"sync/atomic"

	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// held is a TOK in the HSM that can sign and nothing else, loaded when it is first
// asked for and again after the HSM has lost it. What loads a key may not ask for
// another resident one, so ASK is handed in with each call.
type held struct {
	ask atomic.Pointer[hsm.Key]
	key *hsm.Resident
}

func newHeld(h *hsm.HSM, name string, load func(session *hsm.Session, ask hsm.Key) (hsm.Key, error)) *held {
	t := &held{}
	t.key = h.Resident(name, func(session *hsm.Session) (hsm.Key, error) { return load(session, *t.ask.Load()) })
	return t
}

// handle is asked for inside HSM.Do, as ASK is.
func (t *held) handle(ctx context.Context, keys Keyring) (hsm.Key, error) {
	ask, err := keys.ASK(ctx)
	if err != nil {
		return hsm.Key{}, fmt.Errorf("ASK: %w", err)
	}
	t.ask.Store(&ask)
	return t.key.Key(ctx)
}

// forget destroys the key in the HSM.
func (t *held) forget() { t.key.Forget() }

// loadTOK brings the TOK of a row in.
func loadTOK(c store.Credential) func(*hsm.Session, hsm.Key) (hsm.Key, error) {
	return func(session *hsm.Session, ask hsm.Key) (hsm.Key, error) {
		return session.UnwrapUnderASK(ask, c.Blob, wrappedLength(c))
	}
}

// wrappedLength is the length of the secret that the blob of c carries, zeros at its
// end included: RFC 3394 adds eight bytes.
func wrappedLength(c store.Credential) int { return len(c.Blob) - 8 }

// The decoy: how long GenerateForTransport makes it, in bytes, and a hash that is not longer.
const (
	decoyBytes = 32
	decoyHash  = crypto.SHA256
)

// loadDecoy makes a TOK that nobody has, the way that a real one comes.
func loadDecoy(session *hsm.Session, ask hsm.Key) (hsm.Key, error) {
	tok, err := session.GenerateForTransport(hsm.SignMAC)
	if err != nil {
		return hsm.Key{}, err
	}
	blob, err := session.WrapUnderASK(ask, tok)
	if err != nil {
		return hsm.Key{}, err
	}
	if err := session.Destroy(tok); err != nil {
		return hsm.Key{}, err
	}
	return session.UnwrapUnderASK(ask, blob, decoyBytes)
}
