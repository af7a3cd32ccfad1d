package keys

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// The keys shared with an authentication server, besides TRK.
const (
	namePLK  = "PLK/"
	namePLKR = "PLK-R/"
)

// Offer is what an authentication server gives to an EPS to be paired: public, but the
// operators compare its fingerprint, for whoever owns the key gets the tokens.
type Offer struct {
	Name   string         // of the authentication server: a-z 0-9 . -
	Suites []hsm.Suite    // that its HSM can unwrap
	Key    *rsa.PublicKey // of PAIR
}

// Package is the EPS's answer: the shared keys, wrapped to the offered key. Anybody
// could wrap keys to it, so that this fingerprint is compared too.
type Package struct {
	Server  string    // the name in the offer
	Version uint32    // of all three keys
	Suite   hsm.Suite // that they are wrapped with
	Key     string    // fingerprint of the key that they are wrapped to
	TRK     []byte
	PLK     []byte
	PLKR    []byte
}

// Fingerprint is SHA-256 over a public key, for two people to compare.
func Fingerprint(public *rsa.PublicKey) string { return grouped(publicSum(public)) }

// Fingerprint is that of the offered key.
func (o Offer) Fingerprint() string { return Fingerprint(o.Key) }

// Fingerprint is SHA-256 over the encoded package.
func (p Package) Fingerprint() string { return grouped(p.sum()) }

func (p Package) sum() [sha256.Size]byte { return sha256.Sum256(p.Encode()) }

// grouped is hexadecimal in groups of four.
func grouped(sum [sha256.Size]byte) string {
	var groups []string
	for pair := range slices.Chunk(sum[:], 2) {
		groups = append(groups, fmt.Sprintf("%X", pair))
	}
	return strings.Join(groups, " ")
}

// OfferOf is what the authentication server of that name offers.
func OfferOf(ctx context.Context, h *hsm.HSM, name string) (Offer, error) {
	o := Offer{Name: name, Suites: h.Suites()}
	err := h.Do(ctx, func(s *hsm.Session) (err error) {
		o.Key, err = s.PublicKey(labelPair)
		return err
	})
	if err != nil {
		return Offer{}, notInitialised(err, "eps authserver init")
	}
	return o, o.check()
}

// Pair makes TRK, PLK and PLK-R for an authentication server, keeps them here in the
// form that the EPS needs, and packs them for the other side. Pairing again makes the
// next version; the two servers do not understand each other until it is accepted.
func Pair(ctx context.Context, h *hsm.HSM, st store.EPS, offer Offer) (Package, error) {
	if err := offer.check(); err != nil {
		return Package{}, err
	}
	wrapped, err := readKeys(ctx, st)
	if err != nil {
		return Package{}, err
	}
	suite, err := commonSuite(h.Suites(), offer.Suites)
	if err != nil {
		return Package{}, err
	}
	p := &pairing{offer: offer, suite: suite, version: newest(wrapped, nameTRK+offer.Name) + 1}
	if err := h.Do(ctx, p.make); err != nil {
		return Package{}, errors.Join(fmt.Errorf("pair with %s: %w", offer.Name, err), p.undo(ctx, h))
	}
	err = st.Update(ctx, func(tx store.Tx) error { return tx.PutKey(p.trk) })
	if err != nil {
		return Package{}, errors.Join(fmt.Errorf("pair with %s: %w", offer.Name, err), p.undo(ctx, h))
	}
	return p.packed, nil
}

func commonSuite(ours, theirs []hsm.Suite) (hsm.Suite, error) {
	for _, s := range ours {
		if slices.Contains(theirs, s) {
			return s, nil
		}
	}
	return 0, errors.New("the two HSMs have no OAEP hash in common")
}

// pairing is one run of Pair.
type pairing struct {
	offer   Offer
	suite   hsm.Suite
	version uint32
	trk     store.WrappedKey
	packed  Package
}

func (p *pairing) labels() (plk, plkr string) {
	return versioned(namePLK+p.offer.Name, p.version), versioned(namePLKR+p.offer.Name, p.version)
}

// make is repeatable: it begins by removing what a run before it left.
func (p *pairing) make(s *hsm.Session) error {
	if err := p.clear(s); err != nil {
		return err
	}
	plk, plkr := p.labels()
	p.packed = Package{Server: p.offer.Name, Version: p.version, Suite: p.suite, Key: p.offer.Fingerprint()}
	var errs [3]error
	p.packed.TRK, errs[0] = p.share(s, hsm.TRKWrap, p.keepTRK)
	p.packed.PLK, errs[1] = p.share(s, hsm.SignMAC, keepAs(plk, hsm.SignMAC))
	p.packed.PLKR, errs[2] = p.share(s, hsm.VerifyMAC, keepAs(plkr, hsm.VerifyMAC))
	return errors.Join(errs[:]...)
}

// share makes a key, has it kept here, and wraps it to the other side.
func (p *pairing) share(s *hsm.Session, use hsm.Usage, keep func(*hsm.Session, hsm.Key) error) ([]byte, error) {
	key, err := s.GenerateForTransport(use)
	if err != nil {
		return nil, err
	}
	if err := keep(s, key); err != nil {
		return nil, err
	}
	parcel, err := s.OAEPWrap(p.offer.Key, p.suite, key)
	return parcel, errors.Join(err, s.Destroy(key))
}

func (p *pairing) keepTRK(s *hsm.Session, key hsm.Key) error {
	master, err := s.Find(labelMKTRK)
	if err != nil {
		return err
	}
	blob, err := s.WrapUnderMaster(master, key)
	p.trk = store.WrappedKey{
		Name: nameTRK + p.offer.Name, Version: p.version, Master: labelMKTRK,
		Blob: blob, Created: time.Now().UTC(),
	}
	return err
}

func keepAs(label string, use hsm.Usage) func(*hsm.Session, hsm.Key) error {
	return func(s *hsm.Session, key hsm.Key) error {
		_, err := s.KeepAs(label, use, key)
		return err
	}
}

func (p *pairing) clear(s *hsm.Session) error {
	plk, plkr := p.labels()
	return errors.Join(s.Remove(plk), s.Remove(plkr))
}

// undo removes what was made, also when ctx is what ended it.
func (p *pairing) undo(ctx context.Context, h *hsm.HSM) error {
	return h.Do(context.WithoutCancel(ctx), p.clear)
}

// Accept brings the keys of a package into the authentication server's HSM. The package
// accepted last may come again; an older one, or another of the same version, is
// refused with reference.ErrConflict.
func Accept(ctx context.Context, h *hsm.HSM, st store.AuthServer, p Package) error {
	if err := p.check(); err != nil {
		return err
	}
	wrapped, err := readAuthKeys(ctx, st)
	if err != nil {
		return err
	}
	sum := p.sum()
	done, err := accepted(wrapped, p.Version, sum[:])
	if done || err != nil {
		return err
	}
	if err := h.Do(ctx, func(s *hsm.Session) error { return p.unpack(s) }); err != nil {
		return fmt.Errorf("accept the keys of %s: %w", p.Server, err)
	}
	record := store.WrappedKey{Name: namePairing, Version: p.Version, Master: labelPair, Blob: sum[:], Created: time.Now().UTC()}
	return st.Update(ctx, func(tx store.AuthTx) error { return tx.PutKey(record) })
}

// accepted compares a package with the newest that was accepted.
func accepted(wrapped []store.WrappedKey, version uint32, sum []byte) (bool, error) {
	last := newest(wrapped, namePairing)
	if version > last {
		return false, nil
	}
	for _, k := range wrapped {
		if k.Name == namePairing && k.Version == version && version == last && slices.Equal(k.Blob, sum) {
			return true, nil
		}
	}
	return false, &reference.Hint{
		Err:  fmt.Errorf("package of version %d, after version %d was accepted: %w", version, last, reference.ErrConflict),
		Text: "pair again, and accept the package that this makes",
	}
}

// unpack is repeatable: it begins by removing what a run before it left.
func (p Package) unpack(s *hsm.Session) error {
	public, err := s.PublicKey(labelPair)
	if err != nil {
		return err
	}
	if Fingerprint(public) != p.Key {
		return &reference.Hint{Err: errors.New("the package is wrapped to another key"), Text: "pair with the offer of this authentication server"}
	}
	pair, err := s.Find(labelPair)
	if err != nil {
		return err
	}
	for _, k := range []struct {
		name   string
		parcel []byte
		use    hsm.Usage
	}{
		{nameTRK, p.TRK, hsm.TRKUnwrap}, {namePLK, p.PLK, hsm.VerifyMAC}, {namePLKR, p.PLKR, hsm.SignMAC},
	} {
		label := shared(k.name, p.Version)
		if err := s.Remove(label); err != nil {
			return err
		}
		if _, err := s.OAEPUnwrap(pair, p.Suite, k.parcel, k.use, label); err != nil {
			return err
		}
	}
	return nil
}

// shared is the label of a shared key in the authentication server's HSM.
func shared(name string, version uint32) string { return fmt.Sprintf("%s%d", name, version) }
