package keys

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// The profile st-2.6.1 keeps the pair of MPP v1 as seed 000 §6.2 lists it: in a keystore in
// the database (-2c), whose password DBK has encrypted (-1d, -2d). At start the HSM decrypts
// the password, the host opens the keystore, and the private key goes into the HSM, which
// then decrypts requests with it (§6.3-4). So the host knows the key: the text wants both.
const keystoreVersion = 1 // of MPP

// password protects a keystore; 130 random bits need no slow derivation.
func password() string { return rand.Text() }

// makeKeystore makes the pair and stores it.
func (d dbk) makeKeystore(ctx context.Context, h *hsm.HSM, st store.EPS, o Options) error {
	bits, err := o.bits()
	if err != nil {
		return err
	}
	draw := o.Password
	if draw == nil {
		draw = password
	}
	text := draw()
	k := store.Keystore{Name: mppLabel(keystoreVersion), Version: 1, DBKVersion: 1, Created: time.Now().UTC()}
	if k.PKCS12, err = newKeystore(k.Name, bits, text); err != nil {
		return fmt.Errorf("make the keystore: %w", err)
	}
	wrapped, err := readKeys(ctx, st)
	if err != nil {
		return err
	}
	err = h.Do(ctx, func(s *hsm.Session) error {
		key, err := d.open(s, wrapped, k.DBKVersion)
		if err != nil {
			return err
		}
		k.Password, err = s.SealValue(key, hsm.Padded, []byte(text))
		return err
	})
	if err != nil {
		return fmt.Errorf("password of the keystore: %w", err)
	}
	return st.Update(ctx, func(tx store.Tx) error { return tx.PutKeystore(k) })
}

// newKeystore is a new pair in a keystore.
func newKeystore(name string, bits int, password string) ([]byte, error) {
	pair, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		return nil, err
	}
	return writeKeystore(pkcs12.Modern2023, name, pair, password)
}

// open gives a version of DBK from its row, for the session.
func (d dbk) open(s *hsm.Session, wrapped []store.WrappedKey, version uint32) (hsm.Key, error) {
	i := slices.IndexFunc(wrapped, func(k store.WrappedKey) bool { return k.Name == d.name && k.Version == version })
	if i < 0 {
		return hsm.Key{}, fmt.Errorf("key %s: %w", versioned(d.name, version), reference.ErrNotFound)
	}
	master, err := s.Find(d.master.label)
	if err != nil {
		return hsm.Key{}, err
	}
	return s.UnwrapUnderMaster(master, wrapped[i].Blob, d.use)
}

// keystores are the pairs that rest in the database, by version of MPP.
func (r *Ring) keystores(ctx context.Context) (map[int]pair, error) {
	var all []store.Keystore
	var wrapped []store.WrappedKey
	err := r.st.View(ctx, func(tx store.Reader) (err error) {
		if wrapped, err = tx.Keys(); err != nil {
			return err
		}
		all, err = tx.Keystores()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the keystores: %w", err)
	}
	pairs := map[int]pair{}
	for _, k := range all { // by version: the newest stays
		read := func(s *hsm.Session) (*rsa.PrivateKey, error) { return r.dbkKind().unlock(s, wrapped, k) }
		p := pair{kept: true, private: r.h.Resident(k.Name, func(s *hsm.Session) (hsm.Key, error) {
			private, err := read(s)
			if err != nil {
				return hsm.Key{}, err
			}
			return s.ImportRSA(private, mppUses[keystoreVersion])
		})}
		err := r.h.Do(ctx, func(s *hsm.Session) error {
			private, err := read(s)
			if err == nil {
				p.public = &private.PublicKey
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("keystore %s: %w", versioned(k.Name, k.Version), err)
		}
		pairs[keystoreVersion] = p
	}
	return pairs, nil
}

// unlock opens a keystore on the host, with the password that the HSM decrypts.
func (d dbk) unlock(s *hsm.Session, wrapped []store.WrappedKey, k store.Keystore) (*rsa.PrivateKey, error) {
	key, err := d.open(s, wrapped, k.DBKVersion)
	if err != nil {
		return nil, err
	}
	text, err := s.OpenValue(key, hsm.Padded, k.Password)
	defer clear(text)
	if err != nil {
		return nil, fmt.Errorf("password: %w", err)
	}
	if err := s.Destroy(key); err != nil {
		return nil, err
	}
	return readKeystore(k.PKCS12, string(text))
}
