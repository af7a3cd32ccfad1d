package keys

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// mppUses is what the private half of each MPP version's pair does.
var mppUses = map[int]hsm.RSAUse{1: hsm.DecryptsV1, 2: hsm.UnwrapRequest}

// pair is that of one version of MPP.
type pair struct {
	private *hsm.Resident
	public  *rsa.PublicKey
	kept    bool // in a keystore in the database
}

func mppLabel(version int) string { return fmt.Sprintf("%s%d", labelMPP, version) }

// mppKeys are the pairs of the versions named.
func mppKeys(versions []int) ([]newKey, error) {
	var keys []newKey
	for _, v := range versions {
		use, ok := mppUses[v]
		if !ok {
			return nil, fmt.Errorf("MPP version %d: want 1 or 2: %w", v, reference.ErrInvalid)
		}
		keys = append(keys, newKey{label: mppLabel(v), pair: use})
	}
	return keys, nil
}

// AddMPP makes the pair of a version of MPP at an EPS that was made without it.
func AddMPP(ctx context.Context, h *hsm.HSM, version int, o Options) error {
	keys, err := mppKeys([]int{version})
	if err != nil {
		return err
	}
	return createAll(ctx, h, keys, o)
}

// openPairs finds the pairs that there are: one at least.
func (r *Ring) openPairs(ctx context.Context) error {
	kept, err := r.keystores(ctx)
	if err != nil {
		return err
	}
	for version, p := range kept {
		if err := load(ctx, p.private); err != nil {
			return err
		}
		r.pairs[version] = p
	}
	for version := range mppUses {
		if r.pairs[version].private != nil {
			continue
		}
		p := pair{private: found(r.h, mppLabel(version))}
		err := r.h.Do(ctx, func(s *hsm.Session) (err error) {
			p.public, err = s.PublicKey(mppLabel(version))
			return err
		})
		if errors.Is(err, reference.ErrNotFound) {
			continue
		}
		if err := errors.Join(err, load(ctx, p.private)); err != nil {
			return err
		}
		r.pairs[version] = p
	}
	if len(r.pairs) == 0 {
		return fmt.Errorf("key %s: %w", mppLabel(2), reference.ErrNotFound)
	}
	return nil
}

// MPPVersions are those that the EPS has a pair for, lowest first.
func (r *Ring) MPPVersions() []int { return slices.Sorted(maps.Keys(r.pairs)) }

// MPPPrivate opens the requests of a version of MPP.
func (r *Ring) MPPPrivate(ctx context.Context, version int) (hsm.Key, error) {
	p, ok := r.pairs[version]
	if !ok {
		return hsm.Key{}, fmt.Errorf("key %s: %w", mppLabel(version), reference.ErrNotFound)
	}
	return p.private.Key(ctx)
}

// MPPPublic is what phones of that version send their requests to; nil where the EPS has
// no such pair.
func (r *Ring) MPPPublic(version int) *rsa.PublicKey { return r.pairs[version].public }

// KeyID is the kid of a version of MPP: the first 16 bytes of SHA-256 over its public key.
func (r *Ring) KeyID(version int) []byte {
	public := r.MPPPublic(version)
	if public == nil {
		return nil
	}
	sum := publicSum(public)
	return sum[:16]
}
