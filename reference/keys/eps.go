package keys

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// epsKeys are the permanent keys of an EPS, beside its MPP pairs and the master key of its
// DBK.
var epsKeys = []newKey{
	{label: labelMKTRK, use: hsm.MKTRK},
	{label: labelIDX, use: hsm.SignMAC},
	{label: labelAudit, use: hsm.SignMAC},
	ticketKey,
}

// ticketKey hashes activation tickets. An EPS that was made without it needs it only
// where activation is on.
var ticketKey = newKey{label: labelTicket, use: hsm.SignMAC}

// AddTicket makes the key of activation tickets at an EPS that was made without it.
func AddTicket(ctx context.Context, h *hsm.HSM) error {
	return createAll(ctx, h, []newKey{ticketKey}, Options{})
}

// Init makes the keys of a new EPS: the permanent ones in the HSM, and version 1 of its
// profile's DBK in the database. It refuses with reference.ErrExists when any of them is
// there.
func Init(ctx context.Context, h *hsm.HSM, st store.EPS, o Options) error {
	wrapped, err := readKeys(ctx, st)
	if err != nil {
		return err
	}
	if len(wrapped) > 0 {
		return exists("key "+wrapped[0].Name+" in the database", "init makes a new system; use an empty database")
	}
	d, err := dbkOf(o.Profile)
	if err != nil {
		return err
	}
	versions, keystore := d.pairs(o.MPP)
	pairs, err := mppKeys(versions)
	if err != nil {
		return err
	}
	all := slices.Concat(d.permanent(), pairs)
	if err := createAll(ctx, h, all, o); err != nil {
		return err
	}
	err = d.create(ctx, h, st)
	if err == nil && keystore {
		err = d.makeKeystore(ctx, h, st, o)
	}
	if err != nil {
		return errors.Join(err, remove(ctx, h, all))
	}
	return nil
}

func (d dbk) create(ctx context.Context, h *hsm.HSM, st store.EPS) error {
	key := store.WrappedKey{Name: d.name, Version: 1, Master: d.master.label, Created: time.Now().UTC()}
	err := h.Do(ctx, func(s *hsm.Session) error {
		master, err := s.Find(d.master.label)
		if err != nil {
			return err
		}
		key.Blob, err = s.GenerateWrapped(master, d.use)
		return err
	})
	if err != nil {
		return fmt.Errorf("make DBK: %w", err)
	}
	return st.Update(ctx, func(tx store.Tx) error { return tx.PutKey(key) })
}

func readKeys(ctx context.Context, st store.EPS) (keys []store.WrappedKey, err error) {
	err = st.View(ctx, func(r store.Reader) error {
		keys, err = r.Keys()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the wrapped keys: %w", err)
	}
	return keys, nil
}

// Ring is the keys of a running EPS. Each method that gives a handle is called inside
// hsm.HSM.Do, each time its function runs.
type Ring struct {
	h      *hsm.HSM
	st     store.EPS
	idx    *hsm.Resident
	audit  *hsm.Resident
	ticket *hsm.Resident // nil: the EPS was made without it
	pairs  map[int]pair  // by version of MPP

	mu      sync.RWMutex
	dbk     dbk
	named   map[string]*hsm.Resident // "DBK/1", "TRK/<server>/1", "PLK/<server>/1" …
	current map[string]uint32        // newest version of "DBK", "TRK/<server>"
}

// Open finds the keys that Init and Pair made.
func Open(ctx context.Context, h *hsm.HSM, st store.EPS) (*Ring, error) {
	r := &Ring{
		h: h, st: st,
		idx: found(h, labelIDX), audit: found(h, labelAudit), pairs: map[int]pair{},
		named: map[string]*hsm.Resident{}, current: map[string]uint32{},
	}
	if err := r.open(ctx); err != nil {
		return nil, notInitialised(err, "eps init")
	}
	return r, nil
}

func (r *Ring) open(ctx context.Context) error {
	if err := r.Reload(ctx); err != nil {
		return err
	}
	if err := load(ctx, r.idx, r.audit); err != nil {
		return err
	}
	if err := r.openTicket(ctx); err != nil {
		return err
	}
	if _, err := r.DBK(ctx, r.CurrentDBK()); err != nil {
		return err
	}
	return r.openPairs(ctx)
}

// openTicket finds the key of tickets, if there is one.
func (r *Ring) openTicket(ctx context.Context) error {
	key := found(r.h, labelTicket)
	err := load(ctx, key)
	if errors.Is(err, reference.ErrNotFound) {
		return nil
	}
	r.ticket = key
	return err
}

// load asks for each key once, so that a missing one is known at the start.
func load(ctx context.Context, keys ...*hsm.Resident) error {
	for _, k := range keys {
		if _, err := k.Key(ctx); err != nil {
			return err
		}
	}
	return nil
}

func notInitialised(err error, command string) error {
	if errors.Is(err, reference.ErrNotFound) {
		return &reference.Hint{Err: err, Text: "is this the HSM and database of this server? a new one begins with: " + command}
	}
	return err
}

// Reload reads the wrapped keys again: after a pairing that another process made.
func (r *Ring) Reload(ctx context.Context) error {
	wrapped, err := readKeys(ctx, r.st)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dbk = dbkAmong(wrapped)
	for _, k := range wrapped {
		maps.Copy(r.named, r.residents(k))
		r.current[k.Name] = max(r.current[k.Name], k.Version)
	}
	return nil
}

// residents are the keys that come with a wrapped one, those that are not there yet.
func (r *Ring) residents(k store.WrappedKey) map[string]*hsm.Resident {
	name := versioned(k.Name, k.Version)
	if r.named[name] != nil {
		return nil
	}
	server, isTRK := strings.CutPrefix(k.Name, nameTRK)
	switch {
	case isTRK:
		plk, plkr := versioned(namePLK+server, k.Version), versioned(namePLKR+server, k.Version)
		return map[string]*hsm.Resident{
			name: unwrapped(r.h, name, labelMKTRK, k.Blob, hsm.TRKWrap),
			plk:  found(r.h, plk),
			plkr: found(r.h, plkr),
		}
	case k.Name == r.dbk.name:
		return map[string]*hsm.Resident{name: unwrapped(r.h, name, r.dbk.master.label, k.Blob, r.dbk.use)}
	}
	return nil
}

func versioned(name string, version uint32) string { return fmt.Sprintf("%s/%d", name, version) }

// unwrapped is the Resident of a key that rests in the database.
func unwrapped(h *hsm.HSM, name, master string, blob []byte, use hsm.Usage) *hsm.Resident {
	return h.Resident(name, func(s *hsm.Session) (hsm.Key, error) {
		mk, err := s.Find(master)
		if err != nil {
			return hsm.Key{}, err
		}
		return s.UnwrapUnderMaster(mk, blob, use)
	})
}

// key gives the named key, after another look into the database if need be.
func (r *Ring) key(ctx context.Context, name string) (hsm.Key, error) {
	resident := r.resident(name)
	if resident == nil {
		if err := r.Reload(ctx); err != nil {
			return hsm.Key{}, err
		}
		resident = r.resident(name)
	}
	if resident == nil {
		return hsm.Key{}, fmt.Errorf("key %s: %w", name, reference.ErrNotFound)
	}
	return resident.Key(ctx)
}

func (r *Ring) resident(name string) *hsm.Resident {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.named[name]
}

func (r *Ring) version(name string) uint32 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.current[name]
}

// Profile is the one that the keys were made for.
func (r *Ring) Profile() reference.Profile { return r.dbkKind().profile }

func (r *Ring) dbkKind() dbk {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.dbk
}

// CurrentDBK is the version of DBK that new rows are sealed under.
func (r *Ring) CurrentDBK() uint32 { return r.version(r.dbkKind().name) }

// DBK gives a version of the profile's database key.
func (r *Ring) DBK(ctx context.Context, version uint32) (hsm.Key, error) {
	return r.key(ctx, versioned(r.dbkKind().name, version))
}

// TRK gives the newest transport key of an authentication server, with its version.
func (r *Ring) TRK(ctx context.Context, server string) (hsm.Key, uint32, error) {
	version, err := r.paired(ctx, server)
	if err != nil {
		return hsm.Key{}, 0, err
	}
	key, err := r.key(ctx, versioned(nameTRK+server, version))
	return key, version, err
}

// PLK signs what is sent to an authentication server.
func (r *Ring) PLK(ctx context.Context, server string) (hsm.Key, error) {
	return r.shared(ctx, namePLK, server)
}

// PLKR verifies what an authentication server answers.
func (r *Ring) PLKR(ctx context.Context, server string) (hsm.Key, error) {
	return r.shared(ctx, namePLKR, server)
}

func (r *Ring) shared(ctx context.Context, name, server string) (hsm.Key, error) {
	version, err := r.paired(ctx, server)
	if err != nil {
		return hsm.Key{}, err
	}
	return r.key(ctx, versioned(name+server, version))
}

// paired is the newest version of the keys shared with server.
func (r *Ring) paired(ctx context.Context, server string) (uint32, error) {
	if v := r.version(nameTRK + server); v > 0 {
		return v, nil
	}
	if err := r.Reload(ctx); err != nil {
		return 0, err
	}
	if v := r.version(nameTRK + server); v > 0 {
		return v, nil
	}
	return 0, &reference.Hint{
		Err:  fmt.Errorf("keys shared with authentication server %q: %w", server, reference.ErrNotFound),
		Text: "pair the two first: eps authserver pair",
	}
}

// IDX makes the index of registration codes.
func (r *Ring) IDX(ctx context.Context) (hsm.Key, error) { return r.idx.Key(ctx) }

// Audit seals the audit.
func (r *Ring) Audit(ctx context.Context) (hsm.Key, error) { return r.audit.Key(ctx) }

// Ticket hashes activation tickets, and names tries with them.
func (r *Ring) Ticket(ctx context.Context) (hsm.Key, error) {
	if r.ticket == nil {
		return hsm.Key{}, &reference.Hint{
			Err:  fmt.Errorf("key %s: %w", labelTicket, reference.ErrNotFound),
			Text: "make it with: eps keys ticket",
		}
	}
	return r.ticket.Key(ctx)
}

// publicSum is SHA-256 over the DER SubjectPublicKeyInfo.
func publicSum(public *rsa.PublicKey) [sha256.Size]byte {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err) // RSA public keys can be encoded
	}
	return sha256.Sum256(der)
}
