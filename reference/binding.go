package reference

import (
	"crypto/sha256"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// SealedVersion is the row version that a row's key is bound to: that of the row
// when C was sealed. C is not sealed again when the state moves.
const SealedVersion = 1

// binding is what a row key belongs to (the outer layer of TOK).
type binding struct {
	_          struct{} `cbor:",toarray"`
	Label      string
	Kind       string
	Token      TokenID
	Service    Service
	User       User
	DBKVersion uint32
	RowVersion uint64
	Format     string
	Direction  Direction
	Salt       []byte
	KDF        string
	Iterations int
	Suite      string
	TOKLength  int
	CLength    int
}

// Binding is SHA-256 of the canonical CBOR of all that C belongs to. The row key
// comes from it, so that C opens in no other row, and not after a change of a field.
func (t Token) Binding() ([32]byte, error) {
	b, err := canonical(binding{
		Label: "epsbench-row/1", Kind: "token",
		Token: t.ID, Service: t.Service, User: t.User,
		DBKVersion: t.DBKVersion, RowVersion: SealedVersion,
		Format: t.Format, Direction: t.Direction,
		Salt: t.Salt, KDF: t.KDF, Iterations: t.Iterations, Suite: t.Suite,
		TOKLength: t.TOKLength, CLength: t.CLength,
	})
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(b), nil
}

// codeIndex is what the keyed index of a registration code covers. The locator is
// in it: without it a guess would be tried against every live code at once.
type codeIndex struct {
	_       struct{} `cbor:",toarray"`
	Service Service
	Locator string
	Code    []byte
}

// CodeIndex is the CBOR whose HMAC under IDX is stored for a registration code. It
// holds the code: clear it.
func CodeIndex(service Service, locator string, digits []byte) ([]byte, error) {
	return canonical(codeIndex{Service: service, Locator: locator, Code: digits})
}

// deterministic is RFC 8949 §4.2.1; the options are fixed, so it cannot fail.
var deterministic, errDeterministic = cbor.CoreDetEncOptions().EncMode()

func canonical(v any) ([]byte, error) {
	if errDeterministic != nil {
		return nil, fmt.Errorf("CBOR options: %w", errDeterministic)
	}
	b, err := deterministic.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("canonical CBOR: %w", err)
	}
	return b, nil
}
