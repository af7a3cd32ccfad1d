package mutants

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"sync/atomic"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// storageKept are the mutants of what is in the databases.
var storageKept = []Mutant{
	{
		Name:   "one salt for all tokens",
		About:  "The salt of the KDF is drawn once.",
		Claims: []string{"ST-6.2-2a..f"},
		Reason: "eps.tokens.salt (salt): repeat each other in parts",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) { p.Random = &oneSalt{Reader: p.Random} }
		},
	},
	{
		Name:   "one C for all tokens",
		About:  "C is drawn once: TOK comes from salt and PIN alone.",
		Claims: []string{"ST-6.1-a"},
		Reason: "eight bytes of a C stand in another place too",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) { p.Random = &oneC{Reader: p.Random} }
		},
	},
	{
		Name:   "C is half empty",
		About:  "Every other byte of C is zero.",
		Claims: []string{"ST-6.1-a"},
		Reason: "bits of C that are set",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) { p.Random = sparseC{p.Random} }
		},
	},
	{
		Name:   "audit records have a field for support",
		About:  "The detail of a record has a member that no document names.",
		Claims: []string{"ST-6.2-2a..f"},
		Reason: "has a member that nobody expects",
		Break: func(s *Seams) {
			var note atomic.Value
			note.Store("seen")
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &note} }
		},
	},
	{
		Name:   "registration code in the audit",
		About:  "The record of an enrolment has the digits of a registration code.",
		Claims: []string{"ST-B6"},
		Reason: "registration code as text in column eps.audit_records.detail",
		Break: func(s *Seams) {
			var newest atomic.Value
			s.Enroll = seeingCodes(func(code string) { newest.Store(code) })
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &newest} }
		},
	},
	{
		Name:   "index of codes without a key",
		About:  "The index of a registration code is a SHA-256 of service, locator and code, which anybody can compute.",
		Claims: []string{"ST-B6"},
		Reason: "SHA-256 of the registration code as raw bytes in column eps.codes.code_index",
		Break: onModule("eps", func(m cryptoki.Module) cryptoki.Module {
			return &resigning{Module: m, label: "IDX", sign: func(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
				_, err := m.Sign(sh, data) // ends the operation
				sum := sha256.Sum256(data)
				return sum[:], err
			}}
		}),
	},
	{
		Name:   "index of codes without the locator",
		About:  "The keyed index covers service and code only: a guess is tried against every live code.",
		Claims: []string{"ST-B6"},
		Reason: "the index of a code is not the HMAC under IDX of service, locator and code",
		Break: onModule("eps", func(m cryptoki.Module) cryptoki.Module {
			return &resigning{Module: m, label: "IDX", sign: func(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
				return m.Sign(sh, withoutField(1, data))
			}}
		}),
	},
	{
		Name:   "locators of ten random bits",
		About:  "Six of the eight letters of every locator are the same.",
		Claims: []string{"ST-B6"},
		Reason: "different characters in position 1 of the locators",
		Break:  drawing(func(locator string, code []byte) (string, []byte) { return "EPSEPS" + locator[6:], code }),
	},
	{
		Name:   "codes of three random digits",
		About:  "The digits of a registration code behind the third are zeros.",
		Claims: []string{"ST-B6"},
		Reason: "different characters in position 4 of the codes",
		Break: drawing(func(locator string, code []byte) (string, []byte) {
			return locator, append(code[:3], bytes.Repeat([]byte("0"), len(code)-3)...)
		}),
	},
	{
		Name:   "TOK in the audit",
		About:  "The record of an enrolment has TOK in hexadecimal.",
		Claims: []string{"ST-B7"},
		Reason: "TOK as hexadecimal in column eps.audit_records.detail",
		Break: func(s *Seams) {
			var newest atomic.Value
			onDerivations(func(m *derivations) {
				m.derive = m.told(func(tok []byte) { newest.Store(hex.EncodeToString(tok)) })
			})(s)
			s.Store = func(st store.EPS) store.EPS { return detailed{st, &newest} }
		},
	},
	{
		Name:   "one TOK for all services of a user",
		About:  "The authentication server gets a user's first TOK for every service.",
		Claims: []string{"ST-B7"},
		Reason: "an OTP of one service is accepted at the other",
		Break: func(s *Seams) {
			s.Enroll = func(p *enroll.Parts) {
				p.AuthServer = &oneTOK{AuthServer: p.AuthServer, first: map[reference.User][]byte{}}
			}
		},
	},
	{
		Name:   "tokens end with the process",
		About:  "The authentication server knows only tokens that came since it was started.",
		Claims: []string{"ST-B7"},
		Reason: "the next OTP is refused after the restart",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return &volatile{AuthServer: st} }
		},
	},
	{
		Name:   "plug-in messages are not authenticated",
		About:  "The authentication server takes every MAC for right.",
		Claims: []string{"ST-PLUGIN-BIND"},
		Reason: "the other user's cryptogram: status of the answer",
		Break:  onModule("authserver", func(m cryptoki.Module) cryptoki.Module { return &believing{Module: m, of: "PLK/"} }),
	},
	{
		Name:   "row MAC leaves the cryptogram out",
		About:  "The MAC of a row of the authentication server covers all fields but TOK's.",
		Claims: []string{"ST-PLUGIN-BIND"},
		Reason: "the MAC of a row is not the one over all its fields",
		Break: onModule("authserver", func(m cryptoki.Module) cryptoki.Module {
			return &resigning{Module: m, label: "ROW-AS", sign: func(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
				return m.Sign(sh, withoutField(6, data))
			}}
		}),
	},
	{
		Name:   "TOK outlives its token",
		About:  "The authentication server's database keeps the cryptogram of a revoked token.",
		Claims: []string{"ST-6.2.1-b"},
		Reason: "TOK of a revoked token is still in the authentication server's database",
		Break: func(s *Seams) {
			s.AuthStore = func(st store.AuthServer) store.AuthServer { return keeping{st} }
		},
	},
	{
		Name:   "row MAC leaves the state out",
		About:  "The MAC of a row of the authentication server covers all fields but the state of its token.",
		Claims: []string{"ST-PLUGIN-BIND"},
		Reason: "state of a suspended row was changed: its OTP is accepted",
		Break: onModule("authserver", func(m cryptoki.Module) cryptoki.Module {
			return &resigning{Module: m, label: "ROW-AS", sign: func(sh pkcs11.SessionHandle, data []byte) ([]byte, error) {
				return m.Sign(sh, withoutField(4, data))
			}}
		}),
	},
	{
		Name:   "row MAC is not looked at",
		About:  "The authentication server writes the MACs of its rows, and takes each row that it reads for its own.",
		Claims: []string{"ST-PLUGIN-BIND"},
		Reason: "failures of a row was changed: OTPs accepted",
		Break:  func(s *Seams) { (&credulous{}).put(s) },
	},
	{
		Name:   "row put back is delivered again",
		About:  "The newest version of a token's row is taken from the row itself, not from the audit.",
		Claims: []string{"ST-6.4-a"},
		Reason: "a token whose rows were put back is delivered a second time",
		Break: func(s *Seams) {
			s.Store = func(st store.EPS) store.EPS { return selfDated{st} }
			s.MPP = func(p *mpp.Parts) { p.Witness = undoubting{} }
		},
	},
	{
		Name:   "audit of a row is believed as it stands",
		About:  "At a delivery nobody looks whether the token's audit records are as they were sealed.",
		Claims: []string{"ST-6.4-a"},
		Reason: "whose rows and audit record were put back is delivered a second time",
		Break:  func(s *Seams) { s.MPP = func(p *mpp.Parts) { p.Witness = undoubting{} } },
	},
}
