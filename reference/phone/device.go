package phone

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/strict"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/oath"
)

// ErrDevice is a device file that cannot be used.
var ErrDevice = errors.New("device file")

// deviceFormat opens every device file.
const deviceFormat = "epsbench.device/1"

// Device is a provisioned token as the phone keeps it: what was delivered and
// nothing derived from it. Neither TOK nor PIN nor KEK is ever part of it, and
// nothing in it tells a right PIN from a wrong one.
type Device struct {
	Format     string              `json:"format"`
	EPS        string              `json:"eps"`
	Service    reference.Service   `json:"service"`
	Token      reference.TokenID   `json:"token"`
	C          []byte              `json:"c"`
	Direction  reference.Direction `json:"direction"`
	TOKLength  int                 `json:"tok_length"`
	Salt       []byte              `json:"salt"`
	KDF        string              `json:"kdf"`
	Iterations int                 `json:"iterations"`
	Suite      string              `json:"suite"`
	Counter    uint64              `json:"counter"` // of the next OTP or response, of suites that count
	PINDigits  int                 `json:"pin_digits"`
	Ticket     []byte              `json:"ticket"` // for activation, a secret; empty where it is off, or done
}

func newDevice(g wire.Grant, c []byte) *Device {
	return &Device{
		Format: deviceFormat, EPS: g.EPS, Service: g.Service, Token: g.Token,
		C: c, Direction: g.Direction, TOKLength: g.TOKLength,
		Salt: g.Salt, KDF: g.KDF, Iterations: g.Iterations,
		Suite: g.Suite, Counter: g.Counter, PINDigits: g.PINDigits, Ticket: append([]byte{}, g.Ticket...),
	}
}

// Encode gives the file of d.
func (d *Device) Encode() ([]byte, error) {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDevice, err)
	}
	return append(b, '\n'), nil
}

// DecodeDevice reads a device file strictly.
func DecodeDevice(data []byte) (*Device, error) {
	var d Device
	if len(data) > maxFile {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrDevice, maxFile)
	}
	if err := strict.JSON(data, &d); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDevice, err)
	}
	return &d, d.check()
}

func (d *Device) check() error {
	suite, err := oath.ParseSuite(d.Suite)
	rules := []struct {
		holds bool
		field string
	}{
		{d.Format == deviceFormat, "format"},
		{d.Service.Check() == nil, "service"},
		{d.Token.Check() == nil, "token"},
		{d.TOKLength == 20 || d.TOKLength == 32 || d.TOKLength == 64, "tok_length"},
		{len(d.C) == (d.TOKLength+15)/16*16, "c"},
		{d.Direction == reference.Encrypt || d.Direction == reference.Decrypt, "direction"},
		{len(d.Salt) == wire.SaltSize, "salt"},
		{d.KDF == wire.KDFName, "kdf"},
		{d.Iterations >= 1 && d.Iterations <= wire.MaxIterations, "iterations"},
		{err == nil && suite.Enrollable() == nil, "suite"},
		{len(d.Ticket) == 0 || len(d.Ticket) == reference.TicketSize, "ticket"},
		{d.PINDigits >= reference.MinPINDigits && d.PINDigits <= reference.MaxPINDigits, "pin_digits"},
	}
	for _, r := range rules {
		if !r.holds {
			return fmt.Errorf("%w: %s is missing or wrong", ErrDevice, r.field)
		}
	}
	return nil
}
