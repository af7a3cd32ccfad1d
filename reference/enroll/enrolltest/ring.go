package enrolltest

import (
	"context"
	"crypto/rsa"
	"sync"
	"testing"

	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/hsm/hsmtest"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// Ring is the keys of an EPS and the authentication server's side of TRK, on one token.
type Ring struct {
	dbk, idx, audit, ticket, trk, trkUnwrap, ask *hsm.Resident

	mpp    map[int]*hsm.Resident // by version, like the others
	public map[int]*rsa.PublicKey
}

var (
	once   sync.Once
	opened *hsm.HSM
	ring   *Ring
)

// token opens the token of the process and makes its keys. It stays open.
func token(t testing.TB) (*hsm.HSM, *Ring) {
	t.Helper()
	once.Do(func() {
		h, err := hsm.Open(context.Background(), hsmtest.Module(t), hsmtest.Token(t))
		must(t, err)
		opened, ring = h, newRing(t, h)
	})
	if ring == nil {
		t.Fatal("the HSM could not be prepared")
	}
	return opened, ring
}

func newRing(t testing.TB, h *hsm.HSM) *Ring {
	t.Helper()
	r := &Ring{public: map[int]*rsa.PublicKey{}}
	var wrapped []byte
	must(t, h.Do(context.Background(), func(ss *hsm.Session) error {
		master, err := ss.GenerateMasterKey("MK-DBK", hsm.MKDBK)
		must(t, err)
		wrapped, err = ss.GenerateWrapped(master, hsm.DBK)
		must(t, err)
		for _, label := range []string{"IDX", "AUDIT", "TKT"} {
			_, err = ss.GenerateKey(label, hsm.SignMAC)
			must(t, err)
		}
		_, err = ss.GenerateMasterKey("ASK", hsm.ASK)
		must(t, err)
		trk, err := ss.GenerateForTransport(hsm.TRKWrap)
		must(t, err)
		_, err = ss.KeepAs("TRK", hsm.TRKWrap, trk)
		must(t, err)
		_, err = ss.KeepAs("TRK-UNWRAP", hsm.TRKUnwrap, trk)
		must(t, err)
		_, r.public[1], err = ss.GenerateRSA("MPP/1", 2048, hsm.DecryptsV1)
		must(t, err)
		_, r.public[2], err = ss.GenerateRSA("MPP/2", 2048, hsm.UnwrapRequest)
		return err
	}))
	found := func(label string) *hsm.Resident {
		return h.Resident(label, func(ss *hsm.Session) (hsm.Key, error) { return ss.Find(label) })
	}
	r.idx, r.audit, r.ticket, r.trk = found("IDX"), found("AUDIT"), found("TKT"), found("TRK")
	r.mpp = map[int]*hsm.Resident{1: found("MPP/1"), 2: found("MPP/2")}
	r.trkUnwrap, r.ask = found("TRK-UNWRAP"), found("ASK")
	r.dbk = h.Resident("DBK", func(ss *hsm.Session) (hsm.Key, error) {
		master, err := ss.Find("MK-DBK")
		if err != nil {
			return hsm.Key{}, err
		}
		return ss.UnwrapUnderMaster(master, wrapped, hsm.DBK)
	})
	return r
}

func (r *Ring) CurrentDBK() uint32 { return 1 }

func (r *Ring) DBK(ctx context.Context, _ uint32) (hsm.Key, error) { return r.dbk.Key(ctx) }

func (r *Ring) IDX(ctx context.Context) (hsm.Key, error) { return r.idx.Key(ctx) }

func (r *Ring) Ticket(ctx context.Context) (hsm.Key, error) { return r.ticket.Key(ctx) }
func (r *Ring) Audit(ctx context.Context) (hsm.Key, error)  { return r.audit.Key(ctx) }

func (r *Ring) TRK(ctx context.Context, _ string) (hsm.Key, uint32, error) {
	k, err := r.trk.Key(ctx)
	return k, 1, err
}

func (r *Ring) MPPPrivate(ctx context.Context, version int) (hsm.Key, error) {
	return r.mpp[version].Key(ctx)
}

func (r *Ring) MPPPublic(version int) *rsa.PublicKey { return r.public[version] }

func (r *Ring) KeyID(version int) []byte {
	kid, err := wire.KeyID(r.public[version])
	if err != nil {
		panic(err) // RSA public keys can be encoded
	}
	return kid
}
