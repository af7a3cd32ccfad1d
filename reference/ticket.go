package reference

import (
	"encoding/hex"
	"fmt"
	"time"
)

// TicketSize is the length of an activation ticket in bytes.
const TicketSize = 16

// TicketState is the life of an activation ticket.
type TicketState string

const (
	TicketAwaited TicketState = "awaited" // the token is to be activated, and no phone has it yet
	TicketLive    TicketState = "live"    // on a phone
	TicketSpent   TicketState = "spent"   // activated with
)

// Ticket is what the EPS keeps of an activation ticket: never the ticket, only its keyed
// hash. A token that needs no activation has none.
type Ticket struct {
	Token   TokenID
	State   TicketState
	MAC     []byte // HMAC-SHA-256(TKT, TicketInput); empty while it is awaited
	Tries   int    // begun with it, whatever became of them
	Try     string // the one that spent it; empty before
	Expires time.Time
	Created time.Time
}

// CheckTicket refuses bytes that are no ticket, with ErrInvalid.
func CheckTicket(ticket []byte) error {
	if len(ticket) != TicketSize {
		return fmt.Errorf("ticket: want %d bytes: %w", TicketSize, ErrInvalid)
	}
	return nil
}

// ticketInput is what the keyed hash of a ticket covers, and with an OTP that of a try.
// The label tells the two from each other.
type ticketInput struct {
	_       struct{} `cbor:",toarray"`
	Label   string
	Service Service
	Token   TokenID
	Ticket  []byte
	OTP     string
}

// TicketInput is the CBOR whose HMAC under TKT is stored for a ticket. It holds the
// ticket: clear it.
func TicketInput(service Service, token TokenID, ticket []byte) ([]byte, error) {
	return canonical(ticketInput{Label: "epsbench-ticket/1", Service: service, Token: token, Ticket: ticket})
}

// TryInput is the CBOR whose HMAC under TKT names a try and blinds its OTP. It holds
// both secrets: clear it.
func TryInput(service Service, token TokenID, ticket []byte, otp string) ([]byte, error) {
	return canonical(ticketInput{Label: "epsbench-try/1", Service: service, Token: token, Ticket: ticket, OTP: otp})
}

// BlindSize is the length in bytes of what blinds an OTP.
const BlindSize = 16

// Try names one try to activate: the same ticket and OTP are the same try. Blind goes
// with the OTP to the authentication server and is kept nowhere, so that no digest of the
// message gives the OTP to whoever reads a database.
type Try struct {
	Name  string
	Blind []byte
}

// NewTry takes the HMAC of a TryInput apart.
func NewTry(token TokenID, mac []byte) Try {
	return Try{Name: fmt.Sprintf("%s-activate-%s", token, hex.EncodeToString(mac[BlindSize:BlindSize+tryBytes])), Blind: mac[:BlindSize]}
}

// tryBytes of the HMAC name a try: the name with its token is at most 64 bytes.
const tryBytes = 12
