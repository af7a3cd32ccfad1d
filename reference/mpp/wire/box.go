package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/epsbench/epsbench/reference"
)

// Ask is what a request box holds (PROTOCOL.md §4). Clear Code when done.
type Ask struct {
	Locator                   string
	Code                      []byte // ASCII digits
	LowestVersion, TopVersion uint8  // of MPP that the phone accepts and speaks
}

// Offsets in the plain text of a request box.
const (
	askCount   = reference.LocatorLength
	askCode    = askCount + 1
	askLowest  = askCode + reference.MaxCodeDigits
	askTop     = askLowest + 1
	askPadding = askTop + 1
	askSize    = RequestBox - tagSize
)

// Seal encrypts a under K_req for the request header with hash h1.
func (a Ask) Seal(key, h1 []byte) ([]byte, error) {
	plain, err := a.layout()
	defer clear(plain)
	if err != nil {
		return nil, err
	}
	return seal(key, h1, plain)
}

func (a Ask) layout() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	plain := make([]byte, askSize)
	copy(plain, a.Locator)
	plain[askCount] = byte(len(a.Code))
	copy(plain[askCode:], a.Code)
	plain[askLowest], plain[askTop] = a.LowestVersion, a.TopVersion
	return plain, nil
}

// OpenAsk decrypts a request box.
func OpenAsk(key, h1, box []byte) (Ask, error) {
	plain, err := open(key, h1, box)
	if err != nil {
		return Ask{}, err
	}
	defer clear(plain)
	return parseAsk(plain)
}

func parseAsk(plain []byte) (Ask, error) {
	if len(plain) != askSize {
		return Ask{}, fmt.Errorf("%w: request box of another length", ErrFormat)
	}
	n := int(plain[askCount])
	if n > reference.MaxCodeDigits {
		return Ask{}, fmt.Errorf("%w: code of %d digits", ErrFormat, n)
	}
	if !zero(plain[askCode+n:askLowest]) || !zero(plain[askPadding:]) {
		return Ask{}, fmt.Errorf("%w: padding is not zero", ErrFormat)
	}
	a := Ask{
		Locator:       string(plain[:askCount]),
		Code:          append([]byte(nil), plain[askCode:askCode+n]...),
		LowestVersion: plain[askLowest],
		TopVersion:    plain[askTop],
	}
	return a, a.check()
}

func (a Ask) check() error {
	if err := reference.CheckLocator(a.Locator); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if err := reference.CheckCode(a.Code); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if a.LowestVersion > Version || a.TopVersion < Version {
		return fmt.Errorf("%w: version %d is not among the phone's", ErrFormat, Version)
	}
	return nil
}

// Grant is what a response box holds (PROTOCOL.md §5).
type Grant struct {
	_          struct{} `cbor:",toarray"`
	EPS        string
	Service    reference.Service
	Token      reference.TokenID
	W          []byte // C under K_c, RFC 3394
	Direction  reference.Direction
	TOKLength  int
	CLength    int
	Salt       []byte
	KDF        string
	Iterations int
	Suite      string
	Counter    uint64
	Ticket     []byte
	Time       uint64 // Unix seconds
	PINDigits  int
}

// Fixed values and sizes of a grant.
const (
	KDFName    = "pbkdf2-hmac-sha256"
	SaltSize   = 16
	ticketSize = reference.TicketSize
	grantSize  = responseBox - tagSize
	maxEPSName = 64
	maxText    = 32 // bytes of a suite or KDF name
)

// Seal encrypts g under K_rsp for the response header with hash h2.
func (g Grant) Seal(key, h2 []byte) ([]byte, error) {
	plain, err := g.layout()
	if err != nil {
		return nil, err
	}
	return seal(key, h2, plain)
}

func (g Grant) layout() ([]byte, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	b, err := Encode(g)
	if err != nil {
		return nil, err
	}
	if 2+len(b) > grantSize {
		return nil, fmt.Errorf("%w: grant of %d bytes", ErrFormat, len(b))
	}
	plain := binary.BigEndian.AppendUint16(make([]byte, 0, grantSize), uint16(len(b)))
	return append(plain, b...)[:grantSize], nil
}

// OpenGrant decrypts a response box.
func OpenGrant(key, h2, box []byte) (Grant, error) {
	plain, err := open(key, h2, box)
	if err != nil {
		return Grant{}, err
	}
	return parseGrant(plain)
}

func parseGrant(plain []byte) (Grant, error) {
	var g Grant
	if len(plain) != grantSize {
		return g, fmt.Errorf("%w: response box of another length", ErrFormat)
	}
	end := 2 + int(binary.BigEndian.Uint16(plain))
	if end > len(plain) || !zero(plain[end:]) {
		return g, fmt.Errorf("%w: grant length or padding", ErrFormat)
	}
	if err := Decode(plain[2:end], &g); err != nil {
		return g, fmt.Errorf("grant: %w", err)
	}
	return g, g.Check()
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
