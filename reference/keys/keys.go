// Package keys makes, finds and hands over the keys of DESIGN §4: those of an EPS,
// those of an authentication server, and the ones that the two share.
//
// Start at Init and Open for an EPS, InitAuthServer and OpenAuth for an
// authentication server; Offer, Pair and Accept join the two.
package keys

import (
	"context"
	"crypto/rsa"
	"errors"

	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

var errSkeleton = errors.New("not there")

// Options says how long the RSA keys are; 0 is 3072.
type Options struct{ RSABits int }

// Ring is the keys of a running EPS.
type Ring struct{}

// AuthRing is the keys of a running authentication server.
type AuthRing struct{}

// Offer is what an authentication server gives an EPS to be paired.
type Offer struct{}

// Package is what the EPS gives back.
type Package struct{}

func Init(ctx context.Context, h *hsm.HSM, st store.EPS, o Options) error { return errSkeleton }
func Open(ctx context.Context, h *hsm.HSM, st store.EPS) (*Ring, error)   { return nil, errSkeleton }
func (r *Ring) DBK(ctx context.Context, version uint32) (hsm.Key, error) {
	return hsm.Key{}, errSkeleton
}
func (r *Ring) CurrentDBK() uint32 { return 0 }
func (r *Ring) TRK(ctx context.Context, server string) (k hsm.Key, version uint32, err error) {
	return hsm.Key{}, 0, errSkeleton
}
func (r *Ring) PLK(ctx context.Context, server string) (hsm.Key, error) {
	return hsm.Key{}, errSkeleton
}
func (r *Ring) PLKR(ctx context.Context, server string) (hsm.Key, error) {
	return hsm.Key{}, errSkeleton
}
func (r *Ring) IDX(ctx context.Context) (hsm.Key, error)        { return hsm.Key{}, errSkeleton }
func (r *Ring) Audit(ctx context.Context) (hsm.Key, error)      { return hsm.Key{}, errSkeleton }
func (r *Ring) MPPPrivate(ctx context.Context) (hsm.Key, error) { return hsm.Key{}, errSkeleton }
func (r *Ring) MPPPublic() *rsa.PublicKey                       { return nil }

// KeyID is the kid of PROTOCOL.md §2, 16 bytes.
func (r *Ring) KeyID() []byte { return nil }

func Pair(ctx context.Context, h *hsm.HSM, st store.EPS, offer Offer) (Package, error) {
	return Package{}, errSkeleton
}
func Fingerprint(pub *rsa.PublicKey) string { return "" }

func InitAuthServer(ctx context.Context, h *hsm.HSM, o Options) error { return errSkeleton }
func OfferOf(ctx context.Context, h *hsm.HSM, name string) (Offer, error) {
	return Offer{}, errSkeleton
}
func Accept(ctx context.Context, h *hsm.HSM, st store.AuthServer, p Package) error {
	return errSkeleton
}
func OpenAuth(ctx context.Context, h *hsm.HSM, st store.AuthServer) (*AuthRing, error) {
	return nil, errSkeleton
}
func (r *AuthRing) ASK(ctx context.Context) (hsm.Key, error) { return hsm.Key{}, errSkeleton }
func (r *AuthRing) Row(ctx context.Context) (hsm.Key, error) { return hsm.Key{}, errSkeleton }
func (r *AuthRing) TRK(ctx context.Context, version uint32) (hsm.Key, error) {
	return hsm.Key{}, errSkeleton
}
func (r *AuthRing) PLK(ctx context.Context) (hsm.Key, error)           { return hsm.Key{}, errSkeleton }
func (r *AuthRing) PLKR(ctx context.Context) (hsm.Key, error)          { return hsm.Key{}, errSkeleton }
func (r *AuthRing) ImportPrivate(ctx context.Context) (hsm.Key, error) { return hsm.Key{}, errSkeleton }
func (r *AuthRing) ImportPublic() *rsa.PublicKey                       { return nil }

// DecodeOffer and DecodePackage read the files strictly; Encode writes them.
func DecodeOffer(data []byte) (Offer, error)     { return Offer{}, errSkeleton }
func DecodePackage(data []byte) (Package, error) { return Package{}, errSkeleton }
func (o Offer) Encode() ([]byte, error)          { return nil, errSkeleton }
func (p Package) Encode() ([]byte, error)        { return nil, errSkeleton }

// Fingerprint of the offered key, and of the whole package: compared by the two operators.
func (o Offer) Fingerprint() string   { return "" }
func (p Package) Fingerprint() string { return "" }
