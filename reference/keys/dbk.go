package keys

import (
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/store"
)

// dbk is the database key of a profile. Its master key lets out this kind alone.
type dbk struct {
	profile reference.Profile
	name    string // in the database
	use     hsm.Usage
	master  newKey
}

// dbks are all; the first is the default profile's.
var dbks = []dbk{
	{reference.Default, nameDBK, hsm.DBK, newKey{label: labelMKDBK, use: hsm.MKDBK}},
	{reference.Literal, nameDBKST, hsm.CipherDBK, newKey{label: labelMKDBKST, use: hsm.MKCipherDBK}},
}

// dbkOf is that of a profile.
func dbkOf(p reference.Profile) (dbk, error) {
	if p == "" {
		return dbks[0], nil
	}
	i := slices.IndexFunc(dbks, func(d dbk) bool { return d.profile == p })
	if i < 0 {
		return dbk{}, fmt.Errorf("profile %q: %w", p, reference.ErrInvalid)
	}
	return dbks[i], nil
}

// dbkAmong is the kind that a database holds.
func dbkAmong(wrapped []store.WrappedKey) dbk {
	for _, d := range dbks {
		if newest(wrapped, d.name) > 0 {
			return d
		}
	}
	return dbks[0]
}

// pairs are the versions of MPP whose pairs live in the HSM, of those that are asked for;
// keystore says that there is one beside them.
func (d dbk) pairs(versions []int) (inHSM []int, keystore bool) {
	if len(versions) == 0 {
		versions = []int{2}
	}
	if d.profile != reference.Literal {
		return versions, false
	}
	for _, v := range versions {
		if v != keystoreVersion {
			inHSM = append(inHSM, v)
		}
	}
	return inHSM, true
}

// permanent are the keys of an EPS with this DBK that live in the HSM.
func (d dbk) permanent() []newKey { return append([]newKey{d.master}, epsKeys...) }
