// Package reference holds the words of the reference EPS (Enrollment and
// Provisioning Server, seed 000 §2): who enrols, what a token is, which states
// it passes through. No I/O.
//
// Start at Token and transitions.
package reference

import (
	"errors"
	"time"
)

// Service names a service of the bank: 1 to 64 characters of a-z 0-9 . -
type Service string

// User names a user within a service: 1 to 128 bytes of printable UTF-8 without spaces at the ends.
type User string

// TokenID names a token: 26 characters of Crockford base32 (128 random bits and two of padding).
type TokenID string

// Direction says how TOK comes from C (the inner layer). The numbers are those of PROTOCOL.md.
type Direction uint8

const (
	Encrypt Direction = 1 // TOK = AES-ECB-encrypt(KEK, C)
	Decrypt Direction = 2 // TOK = AES-ECB-decrypt(KEK, C)
)

// Token is one user's OTP secret at one service, as the EPS keeps it: C under a
// row key, and what is needed to give it to a phone once. It holds no clear secret.
type Token struct {
	ID         TokenID
	Service    Service
	User       User
	State      State
	Suite      string // "HOTP-SHA256-6", "TOTP-SHA256-6-30"
	AuthServer string // name of the authentication server that validates its OTPs
	Format     string // in which the row was sealed: "row-kw", "st-2.6.1"
	Direction  Direction
	TOKLength  int // bytes
	CLength    int // bytes
	Salt       []byte
	KDF        string // "pbkdf2-hmac-sha256"
	Iterations int
	PINDigits  int
	Counter    uint64 // HOTP moving factor given to the phone
	DBKVersion uint32
	TRKVersion uint32
	RowVersion uint64 // grows with every change of the row; equals the newest audit record of the token
	Sealed     []byte // C in that format
	Created    time.Time
	Updated    time.Time
}

// CodeState is the life of one registration code.
type CodeState string

const (
	CodeLive    CodeState = "live"
	CodeUsed    CodeState = "used"    // delivered with
	CodeKilled  CodeState = "killed"  // failed too often
	CodeRetired CodeState = "retired" // replaced or revoked
)

// RegistrationCode is what the EPS keeps of an RC: never its digits, only their keyed
// index, and in the profile st-2.6.1 the whole of it under DBK.
type RegistrationCode struct {
	Locator  string // 8 characters of Crockford base32; names the row, and no secret. In v1 it is no part of the code
	Index    []byte // HMAC-SHA-256(IDX, CBOR[service, locator, code]); in v1 the locator in it is empty
	Sealed   []byte // nil but in the profile st-2.6.1
	MPP      int    // the one version of the provisioning protocol that it is for
	Token    TokenID
	Service  Service
	State    CodeState
	Failures int
	Expires  time.Time
	Created  time.Time
}

var (
	// ErrInvalid: the input is not what the call takes; its text says why.
	ErrInvalid  = errors.New("invalid")
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	// ErrConflict: the row was not in the state that the change asks for.
	ErrConflict = errors.New("state has changed")
	// ErrRefused is every refusal of the provisioning protocol; its cause goes to the audit only.
	ErrRefused = errors.New("refused")
	// ErrUnavailable: the HSM, the store or the authentication server does not answer; try again.
	ErrUnavailable = errors.New("temporarily unavailable")
)
