package keys

import (
	"context"
	"crypto/rsa"
	"fmt"
	"sync"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// authKeys are the permanent keys of an authentication server before it is paired.
var authKeys = []newKey{
	{label: labelASK, use: hsm.ASK},
	{label: labelRow, use: hsm.SignMAC},
	{label: labelPair, pair: hsm.UnwrapKeys},
	{label: labelImport, pair: hsm.UnwrapKeys},
}

// InitAuthServer makes the keys of a new authentication server. It refuses with
// reference.ErrExists when any of them is there.
func InitAuthServer(ctx context.Context, h *hsm.HSM, o Options) error {
	return createAll(ctx, h, authKeys, o)
}

func readAuthKeys(ctx context.Context, st store.AuthServer) (keys []store.WrappedKey, err error) {
	err = st.View(ctx, func(r store.AuthReader) error {
		keys, err = r.Keys()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the pairings: %w", err)
	}
	return keys, nil
}

// AuthRing is the keys of a running authentication server. Each method that gives a
// handle is called inside hsm.HSM.Do, each time its function runs.
type AuthRing struct {
	h       *hsm.HSM
	st      store.AuthServer
	ask     *hsm.Resident
	row     *hsm.Resident
	private *hsm.Resident
	public  *rsa.PublicKey

	mu      sync.RWMutex
	named   map[string]*hsm.Resident // "TRK/1", "PLK/1", "PLK-R/1"
	current uint32                   // newest version of the shared keys
}

// OpenAuth finds the keys that InitAuthServer and Accept made. A server that is not
// paired yet has no TRK, PLK and PLK-R.
func OpenAuth(ctx context.Context, h *hsm.HSM, st store.AuthServer) (*AuthRing, error) {
	r := &AuthRing{
		h: h, st: st,
		ask: found(h, labelASK), row: found(h, labelRow), private: found(h, labelImport),
		named: map[string]*hsm.Resident{},
	}
	if err := r.open(ctx); err != nil {
		return nil, notInitialised(err, "eps authserver init")
	}
	return r, nil
}

func (r *AuthRing) open(ctx context.Context) error {
	if err := r.Reload(ctx); err != nil {
		return err
	}
	if err := load(ctx, r.ask, r.row, r.private); err != nil {
		return err
	}
	return r.h.Do(ctx, func(s *hsm.Session) (err error) {
		r.public, err = s.PublicKey(labelImport)
		return err
	})
}

// Reload reads the pairings again: after one that another process accepted.
func (r *AuthRing) Reload(ctx context.Context) error {
	wrapped, err := readAuthKeys(ctx, r.st)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range wrapped {
		if k.Name != namePairing {
			continue
		}
		for _, name := range []string{nameTRK, namePLK, namePLKR} {
			label := shared(name, k.Version)
			if r.named[label] == nil {
				r.named[label] = found(r.h, label)
			}
		}
		r.current = max(r.current, k.Version)
	}
	return nil
}

// shared gives a key of a pairing, after another look into the database if need be;
// version 0 is the newest.
func (r *AuthRing) shared(ctx context.Context, name string, version uint32) (hsm.Key, error) {
	resident := r.resident(name, version)
	if resident == nil {
		if err := r.Reload(ctx); err != nil {
			return hsm.Key{}, err
		}
		resident = r.resident(name, version)
	}
	if resident == nil {
		return hsm.Key{}, &reference.Hint{
			Err:  fmt.Errorf("key %s shared with the EPS: %w", shared(name, version), reference.ErrNotFound),
			Text: "pair the two first: eps authserver pair",
		}
	}
	return resident.Key(ctx)
}

func (r *AuthRing) resident(name string, version uint32) *hsm.Resident {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if version == 0 {
		version = r.current
	}
	return r.named[shared(name, version)]
}

// ASK wraps TOK at rest.
func (r *AuthRing) ASK(ctx context.Context) (hsm.Key, error) { return r.ask.Key(ctx) }

// Row makes the MAC of a credential's row.
func (r *AuthRing) Row(ctx context.Context) (hsm.Key, error) { return r.row.Key(ctx) }

// TRK unwraps the TOK of a plug-in message that names this version.
func (r *AuthRing) TRK(ctx context.Context, version uint32) (hsm.Key, error) {
	if version == 0 {
		return hsm.Key{}, fmt.Errorf("TRK version 0: %w", reference.ErrNotFound)
	}
	return r.shared(ctx, nameTRK, version)
}

// PLK verifies what the EPS sends.
func (r *AuthRing) PLK(ctx context.Context) (hsm.Key, error) { return r.shared(ctx, namePLK, 0) }

// PLKR signs what the EPS is answered.
func (r *AuthRing) PLKR(ctx context.Context) (hsm.Key, error) { return r.shared(ctx, namePLKR, 0) }

// ImportPrivate unwraps the import keys of foreign seeds.
func (r *AuthRing) ImportPrivate(ctx context.Context) (hsm.Key, error) { return r.private.Key(ctx) }

// ImportPublic is what import keys are wrapped to.
func (r *AuthRing) ImportPublic() *rsa.PublicKey { return r.public }
