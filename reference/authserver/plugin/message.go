package plugin

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/epsbench/epsbench/reference"
)

// Op is what a message asks the authentication server to do with a token.
type Op string

const (
	Create  Op = "create"  // take TOK over
	Prepare Op = "prepare" // the same, to be activated: OTPs are refused until then
	Cancel  Op = "cancel"  // undo a create, or forbid one that is still under way
	Suspend Op = "suspend" // refuse OTPs until resumed
	Resume  Op = "resume"
	Revoke  Op = "revoke" // refuse OTPs for ever

	Activate Op = "activate" // judge an OTP, and activate if it is right
	Settle   Op = "settle"   // how the activate of this key ended; if it has not come, it never may
)

// Limits of the contract. PIN digits and TOK lengths are those that the EPS makes.
const (
	MaxMessage = 1024 // bytes of an envelope, request or reply
	maxName    = 64   // bytes of an idempotency key or service
	maxUser    = 128
	tokenChars = 26
	minPIN     = 4
	maxPIN     = 12
)

// Message is one request of the EPS. Key makes it idempotent: the same key with the
// same bytes gets the same answer, with other bytes a refusal. All fields from Service
// on, save Token, are empty unless Op is Create or Prepare; an Activate has a Blob.
type Message struct {
	_          struct{} `cbor:",toarray"`
	Op         Op
	Key        string
	Service    reference.Service
	User       reference.User
	Token      reference.TokenID
	Suite      string
	TRKVersion uint32
	PINDigits  int
	TOKLength  int    // bytes
	Blob       []byte // RFC 3394(TRK, TOK); of an Activate an Attempt
}

// Registration is the content of a create or prepare: a new token for the authentication
// server.
type Registration struct {
	Key        string // idempotency key
	Service    reference.Service
	User       reference.User
	Token      reference.TokenID
	Suite      string
	TRKVersion uint32
	PINDigits  int
	TOKLength  int    // bytes
	Blob       []byte // RFC 3394(TRK, TOK)
	Activation bool   // OTPs are refused until it is activated
}

func (r Registration) message() Message {
	op := Create
	if r.Activation {
		op = Prepare
	}
	return Message{
		Op: op, Key: r.Key, Service: r.Service, User: r.User, Token: r.Token,
		Suite: r.Suite, TRKVersion: r.TRKVersion, PINDigits: r.PINDigits, TOKLength: r.TOKLength, Blob: r.Blob,
	}
}

// ErrMalformed is a message or envelope that breaks the contract.
var ErrMalformed = errors.New("malformed plug-in message")

// check says whether m keeps to the contract.
func (m *Message) check() error {
	creates := m.Creates()
	bare := Message{Op: m.Op, Key: m.Key, Token: m.Token}
	if m.Op == Activate {
		bare.Blob = m.Blob
	}
	rules := []struct {
		ok   bool
		what string
	}{
		{isText(m.Key, maxName), "idempotency key"},
		{isToken(m.Token), "token"},
		{creates || isStateChange(m.Op) || m.Op == Activate || m.Op == Settle, "op"},
		{creates || m.equal(&bare), "a field that only a create has"},
		{!creates || IsService(m.Service), "service"},
		{!creates || IsUser(m.User), "user"},
		{!creates || isText(m.Suite, maxName), "suite"},
		{!creates || m.TRKVersion > 0, "TRK version"},
		{!creates || minPIN <= m.PINDigits && m.PINDigits <= maxPIN, "PIN digits"},
		{!creates || m.TOKLength == 32 || m.TOKLength == 64, "TOK length"},
		{!creates || len(m.Blob) == m.TOKLength+8, "blob"},
	}
	for _, r := range rules {
		if !r.ok {
			return fmt.Errorf("%s: %w", r.what, ErrMalformed)
		}
	}
	if m.Op == Activate {
		_, err := m.Attempt()
		return err
	}
	return nil
}

// Creates says that m brings a token.
func (m *Message) Creates() bool { return m.Op == Create || m.Op == Prepare }

func isStateChange(op Op) bool {
	return op == Cancel || op == Suspend || op == Resume || op == Revoke
}

func (m *Message) equal(o *Message) bool {
	return m.Op == o.Op && m.Key == o.Key && m.Service == o.Service && m.User == o.User && m.Token == o.Token &&
		m.Suite == o.Suite && m.TRKVersion == o.TRKVersion && m.PINDigits == o.PINDigits &&
		m.TOKLength == o.TOKLength && len(m.Blob) == len(o.Blob)
}

// IsService says whether s can name a service (reference.Service).
func IsService(s reference.Service) bool {
	return onlyOf(string(s), "abcdefghijklmnopqrstuvwxyz0123456789.-") && 1 <= len(s) && len(s) <= maxName
}

// IsUser says whether u can name a user (reference.User).
func IsUser(u reference.User) bool { return isText(string(u), maxUser) }

func isToken(t reference.TokenID) bool {
	return len(t) == tokenChars && onlyOf(string(t), "0123456789ABCDEFGHJKMNPQRSTVWXYZ")
}

func onlyOf(s, alphabet string) bool { return strings.Trim(s, alphabet) == "" }

// isText: 1 to max bytes of printable UTF-8 without spaces at the ends.
func isText(s string, max int) bool {
	if s == "" || len(s) > max || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
