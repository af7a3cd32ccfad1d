package token

import "fmt"

// The words of Config.Permit. What PKCS #11 leaves open this token refuses where an attack
// is known; most HSMs do not.
const (
	// PermitConflicts lets one key have usages that conflict: WRAP with DECRYPT, UNWRAP with
	// ENCRYPT or DERIVE, raw signatures of an RSA pair with the first four. An object that was made so keeps it.
	PermitConflicts = "conflicting-usages"
	// PermitReadable lets a key be readable that is derived from one that is not, or unwrapped
	// by one that wraps too.
	PermitReadable = "readable-children"
	// PermitLegacy is Config.Legacy.
	PermitLegacy = "legacy"
)

// Permits are all of them.
var Permits = []string{PermitConflicts, PermitReadable, PermitLegacy}

type permits struct{ conflicts, readable, legacy bool }

func readPermits(words []string) (permits, error) {
	var p permits
	for _, w := range words {
		switch w {
		case PermitConflicts:
			p.conflicts = true
		case PermitReadable:
			p.readable = true
		case PermitLegacy:
			p.legacy = true
		default:
			return p, fmt.Errorf("token: Permit %q: %s, %s or %s", w, PermitConflicts, PermitReadable, PermitLegacy)
		}
	}
	return p, nil
}

// flags are those of each new object.
func (p permits) flags() flags {
	if p.conflicts {
		return fPermissive
	}
	return 0
}

// seen is a base or unwrapping key as the rules about its children see it.
func (sl *slot) seen(base *object, from origin) *object {
	switch {
	case base == nil:
		return nil
	case sl.token.permits.readable:
		open := *base
		open.flags = open.flags&^fSensitive | fExtractable
		return &open
	case from != unwrapped:
		return base
	}
	const wraps = fWrap | fTrusted
	had := sl.usagesOf(base.key) & wraps &^ base.past()
	if had == 0 {
		return base
	}
	now := *base
	now.ever |= had & fWrap
	now.flags |= had & fTrusted
	return &now
}
