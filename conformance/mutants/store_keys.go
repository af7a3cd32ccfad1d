package mutants

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference/enroll"
)

// storageKeys are the mutants of keys and of what they wrap.
var storageKeys = []Mutant{
	{
		Name:   "master key can be copied",
		About:  "MK-DBK is made without CKA_COPYABLE=0.",
		Claims: []string{"ST-KEY-MK"},
		Reason: "CKA_COPYABLE of MK-DBK",
		Break:  onKey("eps", "MK-DBK", set(pkcs11.CKA_COPYABLE, 1)),
	},
	{
		Name:   "master key can leave",
		About:  "MK-DBK is made with CKA_EXTRACTABLE=1.",
		Claims: []string{"ST-KEY-MK"},
		Reason: "the token lets the host wrap it under another key",
		Break:  onKey("eps", "MK-DBK", set(pkcs11.CKA_EXTRACTABLE, 1)),
	},
	{
		Name:   "master key has a second use",
		About:  "MK-TRK is made with CKA_DERIVE=1.",
		Claims: []string{"ST-KEY-MK"},
		Reason: "CKA_DERIVE of MK-TRK",
		Break: func(s *Seams) {
			s.Permit = []string{token.PermitConflicts}
			onKey("eps", "MK-TRK", set(pkcs11.CKA_DERIVE, 1))(s)
		},
	},
	{
		Name:   "MK-DBK lets out any key",
		About:  "MK-DBK is made without an unwrap template.",
		Claims: []string{"ST-KEY-DBK"},
		Reason: "the token lets the host unwrap DBK with another",
		Break:  onKey("eps", "MK-DBK", withoutTemplate),
	},
	{
		Name:   "rows under a key of the program",
		About:  "Row keys are derived from a constant instead of DBK.",
		Claims: []string{"ST-KEY-DBK", "ST-6.2-1a"},
		Reason: "a token's row does not open with DBK",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return &constantDBK{Module: m} }),
	},
	{
		Name:   "KEK of an empty PIN",
		About:  "KEK is derived from an empty PIN.",
		Claims: []string{"ST-6.2-1a", "ST-6.2.1-a"},
		Reason: "C with the PIN's KEK does not give TOK",
		Break:  withKDF(emptyPIN),
	},
	{
		Name:   "DBK in the database in clear",
		About:  "What MK-DBK should wrap is stored with eight zeros before it.",
		Claims: []string{"ST-6.2-1b"},
		Reason: "the blob of DBK does not open under MK-DBK",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return inClear(m, "MK-DBK", "") }),
	},
	{
		Name:   "TRK in the database in clear",
		About:  "What MK-TRK should wrap is stored with eight zeros before it.",
		Claims: []string{"ST-6.2-1c"},
		Reason: "the blob of TRK does not open under MK-TRK",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return inClear(m, "MK-TRK", "") }),
	},
	{
		Name:   "TOK computed on the host",
		About:  "Enrolment computes TOK itself and brings it into the HSM.",
		Claims: []string{"ST-6.2.1-a"},
		Reason: "enrolment: 3 × C_CreateObject",
		Break:  onDerivations(func(m *derivations) { m.derive = m.told(func([]byte) {}) }),
	},
	{
		Name:   "HSM publishes check values",
		About:  "Session keys are made without an empty CKA_CHECK_VALUE, and nobody looks.",
		Claims: []string{"ST-6.2.1-a"},
		Reason: "a key whose template does not empty CKA_CHECK_VALUE",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return checkValues{m} }),
	},
	{
		Name:   "row key can leave",
		About:  "Row keys are derived with CKA_EXTRACTABLE=1.",
		Claims: []string{"ST-6.2.1-a"},
		Reason: "C_DeriveKey on the token of eps: a key that is no kind of the table",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return rowKeys{m} }),
	},
	{
		Name:   "TRK unwraps at the EPS too",
		About:  "MK-TRK is made without an unwrap template.",
		Claims: []string{"ST-KEY-TRK"},
		Reason: "the token lets the host unwrap TRK with another",
		Break:  onKey("eps", "MK-TRK", withoutTemplate),
	},
	{
		Name:   "TRK lets out a readable TOK",
		About:  "TRK at the authentication server is kept without an unwrap template.",
		Claims: []string{"ST-KEY-TRK"},
		Reason: "the token lets the host unwrap TOK with another",
		Break:  onKey("authserver", "TRK/1", withoutTemplate),
	},
	{
		Name:   "ASK lets out a readable TOK",
		About:  "ASK is made without an unwrap template.",
		Claims: []string{"ST-6.2.1-b"},
		Reason: "the token lets the host unwrap TOK with another",
		Break:  onKey("authserver", "ASK", withoutTemplate),
	},
	{
		Name:   "TOK in clear to the authentication server",
		About:  "The plug-in message has eight zeros and TOK where its cryptogram should be.",
		Claims: []string{"ST-6.2.1-b", "ST-6.3-conf"},
		Reason: "TOK as raw bytes in the plug-in messages",
		Break: func(s *Seams) {
			s.Module = func(slot string, m cryptoki.Module) cryptoki.Module {
				if slot == "eps" {
					return inClear(m, "", "MK-TRK")
				}
				return inClear(m, "TRK/1", "")
			}
		},
	},
	{
		Name:   "HSM goes by another name",
		About:  "The EPS tells the HSM of the security target whichever it uses.",
		Claims: []string{"ST-ID"},
		Reason: "is not what the token tells itself",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return renamed{m} }),
	},
}

func emptyPIN(_, salt []byte, iterations int) ([]byte, error) {
	return enroll.PBKDF2(nil, salt, iterations)
}
