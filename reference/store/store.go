// Package store says what the EPS and the authentication server keep, and how:
// every state change is one transaction, conditional on the old state, durable
// before Update returns.
//
// Start at EPS and Tx. The drivers are in sqlite and mariadb (both on sql);
// storetest holds the one suite that each must pass.
//
// Times are kept in UTC to the microsecond: cut them before they go into a MAC.
// Numbers reach 2^63-1. Empty byte strings come back as nil.
package store

import (
	"context"
	"time"

	"github.com/epsbench/epsbench/reference"
)

// EPS is the database of one enrolment and provisioning server.
type EPS interface {
	// Update runs fn in a transaction and returns after the commit is durable.
	// Several Updates may share one commit; each is all or nothing by itself.
	// fn runs again after a deadlock or certification conflict, so it judges only
	// by what it reads in tx and changes nothing outside. Audit records added by
	// fn are in the same commit. Exhausted retries give reference.ErrUnavailable.
	//
	// fn runs in the caller's goroutine, must not start another Update, and holds
	// up every other change while it runs. Its own error comes back as it is, and
	// nothing of what it did is kept.
	//
	// Where ctx ends before fn's turn, fn is not run and ctx's error comes back, also
	// where an earlier attempt was taken back; otherwise Update still waits for the
	// outcome, which is soon known.
	// reference.ErrUnavailable can also mean that the connection broke during the
	// commit: the change may have been made, so read before trying again.
	Update(ctx context.Context, fn func(tx Tx) error) error
	// View runs fn in a read-only transaction.
	View(ctx context.Context, fn func(tx Reader) error) error
	// Writable fails where a change could not be kept now: it makes one and takes it back.
	Writable(ctx context.Context) error
	// SetSealer gives the chain that seals the audit records of each commit.
	// Without one, Audit fails.
	SetSealer(Sealer)
	// Info names engine and version as the server reports them.
	Info(ctx context.Context) (Info, error)
	Close() error
}

// Info identifies a database.
type Info struct{ Engine, Version, DSN string } // DSN without password

// Reader reads. Everything returns reference.ErrNotFound when there is none.
type Reader interface {
	Keys() ([]WrappedKey, error)
	Keystores() ([]Keystore, error)
	Token(reference.TokenID) (reference.Token, error)
	TokenOf(reference.Service, reference.User) (reference.Token, error) // the one that is not cancelled or revoked
	CodeByLocator(locator string) (reference.RegistrationCode, error)
	CodeOf(reference.TokenID) (reference.RegistrationCode, error) // the newest
	// CodeByIndex finds a code of MPP v1, which has no locator. No two codes have one index.
	CodeByIndex(index []byte) (reference.RegistrationCode, error)
	LiveCodes() (int, error)
	// GuessableCodes counts the codes that a guess without a locator is tried against: those
	// of MPP v1 that are live, and not expired at a time.
	GuessableCodes(at time.Time) (int, error)
	Ticket(reference.TokenID) (reference.Ticket, error)
	RowVersion(reference.TokenID) (uint64, error) // of the newest audit record that carries one
	Outbox(limit int) ([]OutboxEntry, error)
	AuditRecords(query AuditQuery) ([]AuditRecord, error)
	AuditGroups(node string, afterGroup uint64, limit int) ([]AuditGroup, error)
	AuditHead(node string) (AuditGroup, error)
	AuditNodes() ([]string, error) // that have records or groups, sorted
}

// Tx reads and changes.
type Tx interface {
	Reader
	PutKey(WrappedKey) error           // reference.ErrExists for a name and version already there
	PutKeystore(Keystore) error        // the same
	InsertToken(reference.Token) error // reference.ErrExists for an id, or a second live token of a user
	// MoveToken changes State and RowVersion if they still are what was read, else reference.ErrConflict.
	MoveToken(id reference.TokenID, from, to reference.State, fromVersion, toVersion uint64, at time.Time) error
	InsertCode(reference.RegistrationCode) error // reference.ErrExists for a locator or an index
	// UseCode turns a live, unexpired code into a used one, else reference.ErrConflict.
	UseCode(locator string, at time.Time) error
	// CountFailure adds one failure to a live code and kills it at max, else reference.ErrConflict.
	CountFailure(locator string, max int) (reference.RegistrationCode, error)
	RetireCodes(reference.TokenID) error // the live ones of a token; none is fine
	InsertTicket(reference.Ticket) error // reference.ErrExists for a token that has one
	// IssueTicket turns an awaited ticket into a live one, else reference.ErrConflict.
	IssueTicket(token reference.TokenID, mac []byte, expires time.Time) error
	// TryTicket adds one try to a live, unexpired ticket that has fewer than most, else
	// reference.ErrConflict.
	TryTicket(token reference.TokenID, most int, at time.Time) error
	// SpendTicket turns a live ticket into a spent one, also after its time: what was judged
	// in time counts. Else reference.ErrConflict.
	SpendTicket(token reference.TokenID, try string) error
	// RepeatTry adds one try to a ticket that this one has spent, else reference.ErrConflict.
	RepeatTry(token reference.TokenID, try string) error
	ForgetTry(reference.TokenID) error // that has spent a ticket; none is fine
	PutOutbox(OutboxEntry) error       // replaces the entry of the same key
	DeleteOutbox(key string) error     // none is fine
	Audit(AuditRecord) error           // Group and Seq are given by the store
}

// WrappedKey is a key that rests in the database under a master key.
type WrappedKey struct {
	Name    string // "DBK", "TRK/<authentication server>", …
	Version uint32
	Master  string // label of the master key in the HSM
	Blob    []byte // RFC 3394
	Created time.Time
}

// Keystore is an RSA pair of the profile st-2.6.1 (seed 000 §6.2-2c, -2d).
type Keystore struct {
	Name       string // "MPP/1"
	Version    uint32
	PKCS12     []byte // the pair, under the password
	Password   []byte // under DBK
	DBKVersion uint32
	Created    time.Time
}

// OutboxEntry is a message to the authentication server that must arrive, once or more.
type OutboxEntry struct {
	Key        string // idempotency key
	Op         string // "cancel", "suspend", "resume", "revoke", "activate"
	Token      reference.TokenID
	AuthServer string
	Attempts   int
	Created    time.Time
}

// AuditRecord is one line of the audit. Detail holds no secret, ever.
type AuditRecord struct {
	Seq        uint64 // in the node's chain, from 1, without gaps
	Group      uint64
	Node       string
	At         time.Time
	Event      string // "enrolled", "provisioned", "refused", …
	Actor      string // certificate name, "phone", "cli", "system"
	Token      reference.TokenID
	Service    reference.Service
	RowVersion uint64 // 0: the event changed no row
	Detail     string // JSON object, deterministic
}

// AuditGroup closes the records of one commit: MAC = HMAC(audit key, CBOR[node, group, first, last, previous MAC, SHA-256 of the records]).
type AuditGroup struct {
	Node        string
	Group       uint64
	First, Last uint64 // sequence numbers
	Previous    []byte
	MAC         []byte
}

// AuditQuery selects records; zero fields select all.
type AuditQuery struct {
	Node  string
	Token reference.TokenID
	Event string
	After uint64 // sequence number
	Limit int
}

// Sealer chains the audit records of a commit.
type Sealer interface {
	// Seal is called in the transaction, with the head that the database holds:
	// Node alone where there is none. The records are numbered; the group that
	// it returns follows the head and holds just these.
	Seal(ctx context.Context, head AuditGroup, records []AuditRecord) (AuditGroup, error)
	// Sealed is called after the commit, before Update returns: it puts the head outside.
	Sealed(AuditGroup) error
	Node() string
}

// AuthServer is the database of one authentication server.
type AuthServer interface {
	// Update, View and Writable are those of EPS.
	Update(ctx context.Context, fn func(tx AuthTx) error) error
	View(ctx context.Context, fn func(tx AuthReader) error) error
	Writable(ctx context.Context) error
	Info(ctx context.Context) (Info, error)
	Close() error
}

// AuthReader reads the authentication server's rows.
type AuthReader interface {
	Keys() ([]WrappedKey, error)
	Credential(reference.TokenID) (Credential, error)
	CredentialOf(reference.Service, reference.User) (Credential, error) // not cancelled, not revoked
	Message(key string) (Message, error)
	Credentials(after reference.TokenID, limit int) ([]Credential, error)
	Challenge(id string) (Challenge, error)
}

// AuthTx reads and changes.
type AuthTx interface {
	AuthReader
	PutKey(WrappedKey) error
	InsertCredential(Credential) error // reference.ErrExists for a token, or a second live one of a user
	// UpdateCredential replaces the row whose Version is c.Version-1, else reference.ErrConflict.
	UpdateCredential(c Credential) error
	InsertMessage(Message) error // reference.ErrExists for a key already there
	// InsertChallenge gives reference.ErrExists for an id, or for what the token was asked before.
	InsertChallenge(Challenge) error
	// UseChallenge marks an unused challenge as c has it, used and under its new MAC, else
	// reference.ErrConflict.
	UseChallenge(c Challenge) error
	ForgetChallenges(keptUntil time.Time) error // those whose KeptUntil is before; none is fine
	// CountRefusal adds one to the refusals that changed no row, in one of a few slots. Nobody
	// reads them: it costs what the change of a row costs, and holds up no other slot.
	CountRefusal(slot int) error
}

// Credential is a token as the authentication server keeps it. MAC covers every
// other field, so that no column can be moved, swapped or rolled back alone.
type Credential struct {
	Token      reference.TokenID
	Service    reference.Service
	User       reference.User
	State      string // "inactive", "active", "suspended", "locked", "revoked", "cancelled"
	Suite      string
	Blob       []byte // TOK under ASK, RFC 3394; empty for a tombstone
	TOKLength  int    // bytes, before padding to 8
	PINDigits  int
	Counter    uint64 // HOTP: next counter; TOTP: last accepted step + 1
	Failures   int    // consecutive
	FailedEver int    // until cleared under dual control
	Candidates int    // candidate OTPs tested by failures, until cleared
	Imported   bool
	Offset     int  // TOTP: steps that the phone's clock is ahead, as far as is known
	Activated  bool // false: made for activation, and not activated yet
	Version    uint64
	Format     int    // of what MAC covers
	MAC        []byte // HMAC(row key, CBOR of the fields above)
	PINHash    []byte // of an imported token whose suite has one, sealed; the MAC covers it too
	Created    time.Time
	Updated    time.Time
}

// Challenge is a question that a token has been asked. MAC covers every other field.
type Challenge struct {
	ID        string
	Token     reference.TokenID
	Question  string // drawn here, or registered by the bank
	Client    string // the client's question, in the mutual modes
	Session   string // what the response has to come with
	Asked     []byte // SHA-256 of the questions as they are computed with
	Used      bool
	Expires   time.Time // no response is taken from then on
	KeptUntil time.Time // until then the token is not asked the same again
	MAC       []byte    // HMAC(row key, CBOR of the fields above)
}

// Message remembers a plug-in request, so that the same key with the same bytes gets
// the same answer and with other bytes is refused.
type Message struct {
	Key    string
	Digest []byte // SHA-256 of the request
	Result string
	At     time.Time
}
