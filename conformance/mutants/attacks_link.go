package mutants

import (
	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// attackedLink are the mutants of the link between EPS and authentication server.
var attackedLink = []Mutant{
	{
		Name:   "messages of the link need no MAC",
		About:  "The authentication server takes every MAC of the EPS for right.",
		Claims: []string{"RGS-RègleTiersDeConfiance-1"},
		Reason: "under the EPS's certificate, is taken",
		Break:  onModule("authserver", func(m cryptoki.Module) cryptoki.Module { return &believing{Module: m, of: "PLK/"} }),
	},
	{
		Name:   "answers on the link need no MAC",
		About:  "The EPS takes every MAC of the authentication server for right.",
		Claims: []string{"RGS-RègleTiersDeConfiance-2"},
		Reason: "the EPS enrols on the word of somebody else",
		Break:  onModule("eps", func(m cryptoki.Module) cryptoki.Module { return &believing{Module: m, of: "PLK-R/"} }),
	},
}
