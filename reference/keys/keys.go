// Package keys makes, finds and hands over the keys of an EPS, those of an
// authentication server, and the ones that the two share.
//
// Start at Init and Open for an EPS, InitAuthServer and OpenAuth for an authentication
// server; OfferOf, Pair and Accept, in that order, join the two.
//
// Where each key lives:
//
//	EPS                     MK-DBK, MK-TRK          HSM; each lets out one kind of key
//	                        DBK/n                   database, under MK-DBK; in the HSM while running
//	                        MK-DBK-ST, DBK-ST/n     instead of these in the profile st-2.6.1
//	                        MPP/1                   there in a keystore in the database
//	                        TRK/<server>/n          database, under MK-TRK; in the HSM while running
//	                        IDX, AUDIT, TKT         HSM; HMAC
//	                        PLK/<server>/n          HSM; signs
//	                        PLK-R/<server>/n        HSM; verifies
//	                        MPP/1, MPP/2            HSM; RSA, decrypts a v1 request, unwraps S of a v2 request
//	authentication server   ASK                     HSM; lets out keys that sign
//	                        ROW-AS                  HSM; HMAC
//	                        TRK/n                   HSM; lets out keys that can only be wrapped
//	                        PLK/n, PLK-R/n          HSM; verifies, signs
//	                        PAIR, IMPORT            HSM; RSA, unwrap keys
//
// Every MAC key is permanent in an HSM, so that nothing rests under a MK-MAC and none is made.
package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// The labels of the keys that exist once.
const (
	labelMKDBK   = "MK-DBK"
	labelMKDBKST = "MK-DBK-ST"
	labelMKTRK   = "MK-TRK"
	labelIDX     = "IDX"
	labelAudit   = "AUDIT"
	labelTicket  = "TKT"
	labelMPP     = "MPP/" // and the version of the protocol
	labelASK     = "ASK"
	labelRow     = "ROW-AS"
	labelPair    = "PAIR"
	labelImport  = "IMPORT"
)

// The names of keys in the database.
const (
	nameDBK     = "DBK"
	nameDBKST   = "DBK-ST"
	nameTRK     = "TRK/" // and the authentication server's name
	namePairing = "PAIRING"
)

// Options says which keys are made.
type Options struct {
	RSABits int               // 2048 to 4096; 0: 3072
	MPP     []int             // versions that an EPS has a pair for; none: 2
	Profile reference.Profile // of an EPS; "": reference.Default
	// Password draws that of the keystore in the profile st-2.6.1; nil: 130 random bits.
	Password func() string
}

func (o Options) bits() (int, error) {
	switch {
	case o.RSABits == 0:
		return 3072, nil
	case o.RSABits < 2048, o.RSABits > 4096, o.RSABits%8 != 0:
		return 0, fmt.Errorf("RSA keys of %d bits: not 2048 to 4096", o.RSABits)
	}
	return o.RSABits, nil
}

// newKey is a permanent key to be made: a pair when use is 0.
type newKey struct {
	label string
	use   hsm.Usage
	pair  hsm.RSAUse
}

func (k newKey) create(s *hsm.Session, bits int) error {
	if _, err := s.Find(k.label); !errors.Is(err, reference.ErrNotFound) {
		return err // made by the run before a loss
	}
	var err error
	if k.use != 0 {
		_, err = s.GenerateKey(k.label, k.use)
	} else {
		_, _, err = s.GenerateRSA(k.label, bits, k.pair)
	}
	return err
}

// createAll makes keys, none of which may exist, all or none of them.
func createAll(ctx context.Context, h *hsm.HSM, keys []newKey, o Options) (err error) {
	bits, err := o.bits()
	if err != nil {
		return err
	}
	if err := absent(ctx, h, keys); err != nil {
		return err
	}
	for _, k := range keys {
		err := h.Do(ctx, func(s *hsm.Session) error { return k.create(s, bits) })
		if err != nil {
			return errors.Join(fmt.Errorf("make key %s: %w", k.label, err), remove(ctx, h, keys))
		}
	}
	return nil
}

func absent(ctx context.Context, h *hsm.HSM, keys []newKey) error {
	return h.Do(ctx, func(s *hsm.Session) error {
		for _, k := range keys {
			_, err := s.Find(k.label)
			if err == nil {
				return exists("key "+k.label+" in the HSM", "init makes a new system; use an empty token, or start the server with the keys there are")
			}
			if !errors.Is(err, reference.ErrNotFound) {
				return err
			}
		}
		return nil
	})
}

func exists(what, hint string) error {
	return &reference.Hint{Err: fmt.Errorf("%s: %w", what, reference.ErrExists), Text: hint}
}

// remove undoes createAll, also when ctx is what ended it.
func remove(ctx context.Context, h *hsm.HSM, keys []newKey) error {
	return h.Do(context.WithoutCancel(ctx), func(s *hsm.Session) error {
		for _, k := range keys {
			if err := s.Remove(k.label); err != nil {
				return err
			}
		}
		return nil
	})
}

// found is the Resident of a permanent key.
func found(h *hsm.HSM, label string) *hsm.Resident {
	return h.Resident(label, func(s *hsm.Session) (hsm.Key, error) { return s.Find(label) })
}

// newest is the highest version of the key of that name; 0 when there is none.
func newest(keys []store.WrappedKey, name string) (version uint32) {
	for _, k := range keys {
		if k.Name == name {
			version = max(version, k.Version)
		}
	}
	return version
}
