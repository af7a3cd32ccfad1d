package mutants

import (
	"strings"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// attackedLink are the mutants of the link between EPS and authentication server, and of
// calls that do not count.
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
	{
		Name:   "responses to challenges are not counted",
		About:  "A wrong response uses its challenge up and leaves no count.",
		Claims: []string{"RGS-C1a"},
		Reason: "/respond: after 3 wrong ones the right one is accepted",
		Break:  withPolicy(func(p authserver.Policy) authserver.Policy { return otpsAlone{p} }),
	},
	{
		Name:   "the call that tests codes has no limit",
		About:  "Wrong tries at a registration code are answered, and not counted.",
		Claims: []string{"RGS-C1a"},
		Reason: "POST /mpp/v2: after 5 wrong ones the right one is accepted",
		Break: inProvisioning(func(p *mpp.Parts) {
			p.Store = changing(p.Store, func(tx store.Tx) store.Tx { return patient{tx} })
		}),
	},
}

// otpsAlone counts OTPs alone.
type otpsAlone struct{ authserver.Policy }

func (p otpsAlone) Fail(c store.Credential, tested int) store.Credential {
	if strings.HasPrefix(c.Suite, "OCRA") {
		return c
	}
	return p.Policy.Fail(c, tested)
}
