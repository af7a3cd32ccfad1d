package mutants

import (
	"bytes"
	"slices"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/oath"
)

// rfcOCRA are the mutants of the claims on RFC 6287 that family rfc judges.
var rfcOCRA = []Mutant{
	{
		Name:   "HSM signs one block",
		About:  "C_Sign takes the first 64 bytes of what it is given.",
		Claims: []string{"RFC6287-appC"},
		Reason: "response of the vector",
		Break:  onModule("suite", func(m cryptoki.Module) cryptoki.Module { return oneBlock{m} }),
	},
	{
		Name:   "numeric questions padded on the left",
		About:  "The authentication server puts the zeros of a numeric question before it (RFC 6287 §5.1 has them after it).",
		Claims: []string{"RFC6287-appC-server"},
		Reason: "the response of the vector, is refused",
		Break: withOCRA(func(s oath.Suite, mac oath.MAC, in oath.Input) (string, error) {
			return s.Response(paddedLeft(s, mac), in)
		}),
	},
	{
		Name:   "time steps are always seconds",
		About:  "The authentication server does not look at the unit of a suite's timestamp.",
		Claims: []string{"RFC6287-appC-server", "RFC6287-7.1"},
		Reason: "is refused",
		Break: withOCRA(func(s oath.Suite, mac oath.MAC, in oath.Input) (string, error) {
			in.Step *= uint64(s.Period / time.Second)
			return s.Response(mac, in)
		}),
	},
	{
		Name:   "responses are cut by byte 19",
		About:  "The authentication server takes the offset of the truncation from byte 19 of every HMAC (RFC 4226 erratum 6756).",
		Claims: []string{"RFC6287-appC-server"},
		Reason: "the response of the vector, is refused",
		Break: withOCRA(func(s oath.Suite, mac oath.MAC, in oath.Input) (string, error) {
			return s.Response(func(data []byte) ([]byte, error) {
				sum, err := mac(data)
				if err == nil {
					sum[len(sum)-1] = sum[19]
				}
				return sum, err
			}, in)
		}),
	},
	{
		Name:   "the server answers in the client's order",
		About:  "The authentication server computes its own response over its question first (RFC 6287 §7.2 has the client's first).",
		Claims: []string{"RFC6287-appC-server"},
		Reason: "server response of the vector",
		Break: withOCRA(func(s oath.Suite, mac oath.MAC, in oath.Input) (string, error) {
			in.Questions = slices.Clone(in.Questions)
			slices.Reverse(in.Questions)
			return s.Response(mac, in)
		}),
	},
}

func withOCRA(compute authserver.OCRA) func(*Seams) {
	return func(s *Seams) { s.Validation = func(p *authserver.Parts) { p.OCRA = compute } }
}

// paddedLeft turns the 128 bytes of a numeric question round, so that the zeros come first.
func paddedLeft(s oath.Suite, mac oath.MAC) oath.MAC {
	at := len(s.String()) + 1
	if s.Inputs.Counter {
		at += 8
	}
	return func(data []byte) ([]byte, error) {
		if s.Inputs.Question.Format == oath.Numeric {
			q := data[at : at+128]
			digits := bytes.Clone(bytes.TrimRight(q, "\x00"))
			clear(q)
			copy(q[128-len(digits):], digits)
		}
		return mac(data)
	}
}

type oneBlock struct{ cryptoki.Module }

func (m oneBlock) Sign(s pkcs11.SessionHandle, data []byte) ([]byte, error) {
	return m.Module.Sign(s, data[:min(len(data), 64)])
}
