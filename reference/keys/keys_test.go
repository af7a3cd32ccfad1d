package keys_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

func TestMain(m *testing.M) { os.Exit(hsmtest.Main(m)) }

// short keeps the tests fast.
var short = keys.Options{RSABits: 2048}

func softHSM(t testing.TB) *hsm.HSM {
	t.Helper()
	return hsmtest.Open(t, hsmtest.Module(t), hsmtest.Token(t))
}

func emulated(t testing.TB) *hsm.HSM {
	t.Helper()
	m, err := token.New(token.Config{Label: "emulated", SOPIN: "31415926", UserPIN: hsmtest.PIN})
	must(t, err)
	return hsmtest.Open(t, m, hsm.Config{PIN: reference.NewSecret([]byte(hsmtest.PIN))})
}

func epsStore(t testing.TB) store.EPS {
	t.Helper()
	st, err := sqlite.OpenEPS(t.Context(), filepath.Join(t.TempDir(), "eps.db"))
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	return st
}

func authStore(t testing.TB) store.AuthServer {
	t.Helper()
	st, err := sqlite.OpenAuthServer(t.Context(), filepath.Join(t.TempDir(), "authserver.db"))
	must(t, err)
	t.Cleanup(func() { must(t, st.Close()) })
	return st
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eps is an EPS with its keys.
type eps struct {
	h    *hsm.HSM
	st   store.EPS
	ring *keys.Ring
}

func newEPS(t testing.TB, h *hsm.HSM) eps {
	t.Helper()
	e := eps{h: h, st: epsStore(t)}
	must(t, keys.Init(t.Context(), h, e.st, short))
	ring, err := keys.Open(t.Context(), h, e.st)
	must(t, err)
	e.ring = ring
	return e
}

// auth is an authentication server with its keys.
type auth struct {
	h    *hsm.HSM
	st   store.AuthServer
	ring *keys.AuthRing
}

func newAuth(t testing.TB, h *hsm.HSM) auth {
	t.Helper()
	a := auth{h: h, st: authStore(t)}
	must(t, keys.InitAuthServer(t.Context(), h, short))
	ring, err := keys.OpenAuth(t.Context(), h, a.st)
	must(t, err)
	a.ring = ring
	return a
}

// pair takes the files from one side to the other, as two operators would.
func pair(t testing.TB, e eps, a auth) keys.Package {
	t.Helper()
	offer, err := keys.OfferOf(t.Context(), a.h, "auth-1")
	must(t, err)
	offer, err = keys.DecodeOffer(offer.Encode())
	must(t, err)
	p, err := keys.Pair(t.Context(), e.h, e.st, offer)
	must(t, err)
	must(t, e.ring.Reload(t.Context()))
	p, err = keys.DecodePackage(p.Encode())
	must(t, err)
	must(t, keys.Accept(t.Context(), a.h, a.st, p))
	must(t, a.ring.Reload(t.Context()))
	return p
}

// use runs fn with the handle that key gives, in h.
func use(t testing.TB, h *hsm.HSM, key func(context.Context) (hsm.Key, error), fn func(*hsm.Session, hsm.Key) error) error {
	t.Helper()
	return h.Do(t.Context(), func(s *hsm.Session) error {
		k, err := key(t.Context())
		if err != nil {
			return err
		}
		return fn(s, k)
	})
}

// The literal profile has a DBK that encrypts and decrypts, and that no derivation uses.
func TestTheLiteralProfileHasADBKOfItsOwn(t *testing.T) {
	h, st := softHSM(t), epsStore(t)
	must(t, keys.Init(t.Context(), h, st, keys.Options{RSABits: 2048, MPP: []int{1}, Profile: reference.Literal}))
	ring, err := keys.Open(t.Context(), h, st)
	must(t, err)
	if ring.Profile() != reference.Literal || ring.CurrentDBK() != 1 || !slices.Contains(ring.Labels(), "MK-DBK-ST") ||
		slices.Contains(ring.Labels(), "MK-DBK") || slices.Contains(ring.Labels(), "MPP/1") {
		t.Errorf("profile %s, DBK version %d, labels %v", ring.Profile(), ring.CurrentDBK(), ring.Labels())
	}
	current := func(ctx context.Context) (hsm.Key, error) { return ring.DBK(ctx, 1) }
	must(t, use(t, h, current, func(s *hsm.Session, dbk hsm.Key) error {
		sealed, err := s.SealValue(dbk, hsm.Padded, []byte("a value"))
		must(t, err)
		opened, err := s.OpenValue(dbk, hsm.Padded, sealed)
		must(t, err)
		if string(opened) != "a value" {
			t.Error("another value comes back")
		}
		c, err := s.ImportC(make([]byte, 32))
		must(t, err)
		if _, err := s.SealRow(dbk, [32]byte{}, c); err == nil {
			t.Error("a row key is derived from it")
		}
		return nil
	}))
	decryptsRequests(t, h, ring)
	if newEPS(t, softHSM(t)).ring.Profile() != reference.Default {
		t.Error("keys made without a profile are not of the default one")
	}
	if err := keys.Init(t.Context(), h, epsStore(t), keys.Options{Profile: "strict"}); !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("an unknown profile: %v", err)
	}
}

// decryptsRequests: the pair of the keystore is in the HSM while the EPS runs, and decrypts
// what is sent to its public half.
func decryptsRequests(t *testing.T, h *hsm.HSM, ring *keys.Ring) {
	t.Helper()
	message := []byte("K1, K2 and a registration code")
	suite := h.Suites()[0]
	hash := sha256.New()
	if suite == hsm.OAEPSHA1 {
		hash = sha1.New()
	}
	block, err := rsa.EncryptOAEP(hash, rand.Reader, ring.MPPPublic(1), message, nil)
	must(t, err)
	private := func(ctx context.Context) (hsm.Key, error) { return ring.MPPPrivate(ctx, 1) }
	must(t, use(t, h, private, func(s *hsm.Session, key hsm.Key) error {
		plain, err := s.DecryptRequest(key, suite, block)
		if !bytes.Equal(plain, message) {
			t.Error("something else is decrypted")
		}
		return err
	}))
	must(t, h.Do(t.Context(), func(s *hsm.Session) error {
		if _, err := s.Find("MPP/1"); !errors.Is(err, reference.ErrNotFound) {
			t.Errorf("a permanent MPP/1: %v", err)
		}
		return nil
	}))
}

// A keystore opens only with the password that DBK has encrypted.
func TestAKeystoreUnderAnotherPasswordIsRefused(t *testing.T) {
	h, st := softHSM(t), epsStore(t)
	must(t, keys.Init(t.Context(), h, st, keys.Options{RSABits: 2048, Profile: reference.Literal}))
	must(t, st.Update(t.Context(), func(tx store.Tx) error {
		all, err := tx.Keystores()
		must(t, err)
		k := all[0]
		k.Version, k.Password = 2, slices.Clone(k.Password)
		k.Password[0] ^= 1 // another first letter
		return tx.PutKeystore(k)
	}))
	if _, err := keys.Open(t.Context(), h, st); err == nil || !strings.Contains(err.Error(), "keystore MPP/1/2") {
		t.Errorf("opened with another password: %v", err)
	}
}

func TestInitMakesAnEPSThatOpens(t *testing.T) {
	e := newEPS(t, softHSM(t))
	if got := e.ring.CurrentDBK(); got != 1 {
		t.Errorf("DBK is version %d, want 1", got)
	}
	if id := e.ring.KeyID(2); len(id) != 16 {
		t.Errorf("key id has %d bytes, want 16", len(id))
	}
	if bits := e.ring.MPPPublic(2).N.BitLen(); bits != 2048 {
		t.Errorf("MPP key has %d bits", bits)
	}
	_, err := e.ring.DBK(t.Context(), 2)
	if !errors.Is(err, reference.ErrNotFound) {
		t.Errorf("DBK version 2: %v", err)
	}
}

func TestDBKRestsInTheDatabaseOnlyUnderItsMaster(t *testing.T) {
	e := newEPS(t, softHSM(t))
	must(t, e.st.View(t.Context(), func(r store.Reader) error {
		wrapped, err := r.Keys()
		must(t, err)
		if len(wrapped) != 1 || wrapped[0].Name != "DBK" || wrapped[0].Master != "MK-DBK" || len(wrapped[0].Blob) != 40 {
			t.Errorf("keys in the database: %+v", wrapped)
		}
		return nil
	}))
	// Another token of the same make does not open it.
	_, err := keys.Open(t.Context(), newEPS(t, softHSM(t)).h, e.st)
	if err == nil {
		t.Error("a DBK opens under another token's MK-DBK")
	}
}

func TestInitRefusesWhereKeysExist(t *testing.T) {
	h, st := softHSM(t), epsStore(t)
	must(t, keys.Init(t.Context(), h, st, short))
	for name, again := range map[string]error{
		"same database": keys.Init(t.Context(), h, st, short),
		"same token":    keys.Init(t.Context(), h, epsStore(t), short),
	} {
		var hint *reference.Hint
		if !errors.Is(again, reference.ErrExists) || !errors.As(again, &hint) {
			t.Errorf("%s: %v", name, again)
		}
	}
	if _, err := keys.Open(t.Context(), h, st); err != nil {
		t.Errorf("a refused init damaged the keys: %v", err)
	}
}

func TestFailedInitLeavesNothing(t *testing.T) {
	h, st := softHSM(t), epsStore(t)
	if err := keys.Init(t.Context(), h, failing{st}, short); !errors.Is(err, errFull) {
		t.Fatalf("init: %v", err)
	}
	must(t, keys.Init(t.Context(), h, st, short))
}

var errFull = errors.New("disk full")

// failing is a store that can be read only.
type failing struct{ store.EPS }

func (failing) Update(context.Context, func(store.Tx) error) error { return errFull }

func TestOpenOfAnEmptyTokenSaysWhatToDo(t *testing.T) {
	_, err := keys.Open(t.Context(), softHSM(t), epsStore(t))
	var hint *reference.Hint
	if !errors.Is(err, reference.ErrNotFound) || !errors.As(err, &hint) {
		t.Errorf("open: %v", err)
	}
}

func TestRSAKeysBelow2048BitsAreRefused(t *testing.T) {
	for _, bits := range []int{1024, 2047, 8192, -1} {
		if err := keys.InitAuthServer(t.Context(), nil, keys.Options{RSABits: bits}); err == nil {
			t.Errorf("%d bits are taken", bits)
		}
	}
}

// pairs are the two sides of a pairing, each once with the token that has only SHA-1
// for OAEP.
var pairs = []struct {
	name       string
	eps, other func(testing.TB) *hsm.HSM
	suite      hsm.Suite
}{
	{"SoftHSM to SoftHSM", softHSM, softHSM, hsm.OAEPSHA1},
	{"emulator to SoftHSM", emulated, softHSM, hsm.OAEPSHA1},
	{"SoftHSM to emulator", softHSM, emulated, hsm.OAEPSHA1},
	{"emulator to emulator", emulated, emulated, hsm.OAEPSHA256},
}

func TestPairedServersShareTheirKeys(t *testing.T) {
	for _, tt := range pairs {
		t.Run(tt.name, func(t *testing.T) {
			e, a := newEPS(t, tt.eps(t)), newAuth(t, tt.other(t))
			p := pair(t, e, a)
			if p.Suite != tt.suite || p.Version != 1 {
				t.Errorf("package of version %d under %s", p.Version, p.Suite)
			}
			messageTravels(t, e.h, epsKey(e.ring.PLK), a.h, a.ring.PLK)
			messageTravels(t, a.h, a.ring.PLKR, e.h, epsKey(e.ring.PLKR))
			tokTravels(t, e, a)
		})
	}
}

// epsKey names the authentication server.
func epsKey(key func(context.Context, string) (hsm.Key, error)) func(context.Context) (hsm.Key, error) {
	return func(ctx context.Context) (hsm.Key, error) { return key(ctx, "auth-1") }
}

// messageTravels: one side signs and cannot verify, the other verifies and cannot sign.
func messageTravels(t *testing.T, from *hsm.HSM, signer func(context.Context) (hsm.Key, error), to *hsm.HSM, verifier func(context.Context) (hsm.Key, error)) {
	t.Helper()
	data := []byte("a plug-in message")
	var mac []byte
	must(t, use(t, from, signer, func(s *hsm.Session, k hsm.Key) (err error) {
		mac, err = s.MAC(k, crypto.SHA256, data)
		return err
	}))
	must(t, use(t, to, verifier, func(s *hsm.Session, k hsm.Key) error {
		return s.VerifyMAC(k, crypto.SHA256, data, mac)
	}))
	if err := use(t, from, signer, func(s *hsm.Session, k hsm.Key) error { return s.VerifyMAC(k, crypto.SHA256, data, mac) }); err == nil {
		t.Error("the sender's key verifies")
	}
	if err := use(t, to, verifier, func(s *hsm.Session, k hsm.Key) error {
		_, err := s.MAC(k, crypto.SHA256, data)
		return err
	}); err == nil {
		t.Error("the receiver's key signs")
	}
}

// tokTravels: a TOK made at the EPS gives the same MAC at the authentication server,
// under ASK, and the EPS cannot take its own blob apart.
func tokTravels(t *testing.T, e eps, a auth) {
	t.Helper()
	var blob []byte
	var version uint32
	kek, c := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 32)
	must(t, e.h.Do(t.Context(), func(s *hsm.Session) error {
		trk, v, err := e.ring.TRK(t.Context(), "auth-1")
		must(t, err)
		version = v
		k, err := s.ImportKEK(kek)
		must(t, err)
		tok, err := s.DeriveTokenKey(k, c, 32)
		must(t, err)
		blob, err = s.ExportUnderTransport(trk, tok)
		must(t, err)
		if _, err := s.ImportUnderTransport(trk, blob, 32); err == nil {
			t.Error("the EPS peels TOK out of the blob that it made")
		}
		return nil
	}))
	must(t, a.h.Do(t.Context(), func(s *hsm.Session) error {
		trk, err := a.ring.TRK(t.Context(), version)
		must(t, err)
		ask, err := a.ring.ASK(t.Context())
		must(t, err)
		tok, err := s.ImportUnderTransport(trk, blob, 32)
		must(t, err)
		rest, err := s.WrapUnderASK(ask, tok)
		must(t, err)
		signs, err := s.UnwrapUnderASK(ask, rest, 32)
		must(t, err)
		mac, err := s.MAC(signs, crypto.SHA256, []byte("moving factor"))
		must(t, err)
		if want := hmacOf(aesECB(kek, c), []byte("moving factor")); !bytes.Equal(mac, want) {
			t.Error("TOK is another key at the authentication server")
		}
		return nil
	}))
}

func TestPackageOpensOnlyWithTheOfferedKey(t *testing.T) {
	e := newEPS(t, softHSM(t))
	a, stranger := newAuth(t, softHSM(t)), newAuth(t, softHSM(t))
	p := pair(t, e, a)
	if err := keys.Accept(t.Context(), stranger.h, stranger.st, p); err == nil {
		t.Error("another authentication server accepts the package")
	}
	offer, err := keys.OfferOf(t.Context(), stranger.h, "auth-1")
	must(t, err)
	p.Key = offer.Fingerprint()
	if err := keys.Accept(t.Context(), stranger.h, stranger.st, p); err == nil {
		t.Error("another authentication server opens the package")
	}
	if _, err := stranger.ring.TRK(t.Context(), 1); !errors.Is(err, reference.ErrNotFound) {
		t.Errorf("TRK of a refused package: %v", err)
	}
}

func TestPairingAgainMakesTheNextVersion(t *testing.T) {
	e, a := newEPS(t, softHSM(t)), newAuth(t, softHSM(t))
	first := pair(t, e, a)
	must(t, keys.Accept(t.Context(), a.h, a.st, first)) // the newest may come again
	second := pair(t, e, a)
	if first.Version != 1 || second.Version != 2 {
		t.Errorf("versions %d and %d", first.Version, second.Version)
	}
	if err := keys.Accept(t.Context(), a.h, a.st, first); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("an older package: %v", err)
	}
	second.PLK = first.PLK
	if err := keys.Accept(t.Context(), a.h, a.st, second); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("another package of the same version: %v", err)
	}
	messageTravels(t, e.h, epsKey(e.ring.PLK), a.h, a.ring.PLK)
	tokTravels(t, e, a)
	if _, err := a.ring.TRK(t.Context(), 1); err != nil {
		t.Errorf("the TRK of before, for messages on their way: %v", err)
	}
}

func TestRunningServersSeeAPairingMadeByAnotherProcess(t *testing.T) {
	h, ah := softHSM(t), softHSM(t)
	e, a := newEPS(t, h), newAuth(t, ah)
	if _, _, err := e.ring.TRK(t.Context(), "auth-1"); !errors.Is(err, reference.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	if _, err := a.ring.PLK(t.Context()); !errors.Is(err, reference.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	offer, err := keys.OfferOf(t.Context(), ah, "auth-1")
	must(t, err)
	p, err := keys.Pair(t.Context(), h, e.st, offer)
	must(t, err)
	must(t, keys.Accept(t.Context(), ah, a.st, p))
	messageTravels(t, e.h, epsKey(e.ring.PLK), a.h, a.ring.PLK)
}

func TestFailedPairingLeavesTheOldKeys(t *testing.T) {
	e, a := newEPS(t, softHSM(t)), newAuth(t, softHSM(t))
	pair(t, e, a)
	offer, err := keys.OfferOf(t.Context(), a.h, "auth-1")
	must(t, err)
	if _, err := keys.Pair(t.Context(), e.h, failing{e.st}, offer); !errors.Is(err, errFull) {
		t.Fatalf("pair: %v", err)
	}
	must(t, e.ring.Reload(t.Context()))
	messageTravels(t, e.h, epsKey(e.ring.PLK), a.h, a.ring.PLK)
	must(t, e.h.Do(t.Context(), func(s *hsm.Session) error {
		_, err := s.Find("PLK/auth-1/2")
		if !errors.Is(err, reference.ErrNotFound) {
			t.Errorf("a key of the failed pairing: %v", err)
		}
		return nil
	}))
}
