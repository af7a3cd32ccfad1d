package pin

import (
	"context"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// stranger is a way in which a name may stand to the server.
type stranger struct {
	name string
	make func(ctx context.Context, t conformance.Target) try
}

// try is an OTP that is not the user's.
type try struct{ service, user, otp string }

// anOTP is for users who have none.
const anOTP = "000000"

var strangers = []stranger{
	{"known", func(ctx context.Context, t conformance.Target) try { return after(ctx, t) }},
	{"unknown", func(_ context.Context, t conformance.Target) try {
		return try{declared(t).Services[0], userNamed("unknown"), anOTP}
	}},
	{"known at another service", func(ctx context.Context, t conformance.Target) try {
		return try{declared(t).Services[1], after(ctx, t).user, anOTP}
	}},
	{"of an unknown service", func(ctx context.Context, t conformance.Target) try {
		return try{"nobody.example", after(ctx, t).user, anOTP}
	}},
	{"locked", func(ctx context.Context, t conformance.Target) try {
		h := oneHolder(ctx, t, "enumeration", conformance.EnrolRequest{})
		h.block(ctx)
		return try{h.Service, h.Name, h.right()}
	}},
	{"suspended", func(ctx context.Context, t conformance.Target) try { return after(ctx, t, "suspend") }},
	{"revoked", func(ctx context.Context, t conformance.Target) try { return after(ctx, t, "revoke") }},
}

// after is a try at a user who has a token, after some changes to it.
func after(ctx context.Context, t conformance.Target, changes ...string) try {
	GinkgoHelper()
	h := oneHolder(ctx, t, "enumeration", conformance.EnrolRequest{})
	for _, change := range changes {
		h.change(ctx, change)
	}
	return try{h.Service, h.Name, h.wrong(1)[0]}
}

// times is how many users of each kind are tried.
const times = 3

// enumeration holds the specs on what answers, and the work behind them, tell of names.
func enumeration(t conformance.Target) {
	Describe("names", Ordered, ContinueOnFailure, func() {
		var tries []try // of each kind in turn
		BeforeAll(func(ctx SpecContext) {
			tries = conformance.Together(times*len(strangers), func(k int) try { return strangers[k%len(strangers)].make(ctx, t) })
		})
		It("does not tell a known user from an unknown one", conformance.Claims("RGS-C-1"), func(ctx SpecContext) {
			answersAlike(ctx, t, tries)
		})
		It("does the same work in its HSM for each name", conformance.Claims("RGS-C-1"), func(ctx SpecContext) {
			if !t.Capabilities()[conformance.CanTraceHSM] {
				conformance.Block("needs %s", conformance.CanTraceHSM)
			}
			worksAlike(ctx, t, tries[:len(strangers)])
		})
	})
}

func answersAlike(ctx context.Context, t conformance.Target, tries []try) {
	GinkgoHelper()
	said := make([][]string, len(strangers))
	took := make([][]time.Duration, len(strangers))
	for k, v := range conformance.Together(len(tries), func(k int) verdict { return refusal(ctx, t, tries[k]) }) {
		i := k % len(strangers)
		said[i], took[i] = append(said[i], v.text), append(took[i], v.took)
	}
	for i, s := range strangers {
		expectOne(said[i], "answers of users who are "+s.name)
		Expect(said[i][0] == said[0][0]).To(BeTrue(), "a user who is %s gets another answer (status, headers, body) than a known one", s.name)
		slices.Sort(took[i])
		conformance.Observe("%s: the same answer, after %d ms (median of %d, shown only)", s.name, took[i][times/2].Milliseconds(), times)
	}
}

// worksAlike looks at each kind of name by itself. A try before has brought the keys of
// those who are known into the HSM.
func worksAlike(ctx context.Context, t conformance.Target, tries []try) {
	GinkgoHelper()
	known := 0
	for i, s := range strangers {
		calls := workFor(ctx, t, tries[i])
		if i == 0 {
			known = calls
			Expect(known).To(BeNumerically(">", 0), "HSM calls for a known user's wrong OTP")
		}
		Expect(calls).To(Equal(known), "HSM calls for a user who is %s, as many as for a known one", s.name)
	}
	conformance.Observe("the HSM of the authentication server gets %d calls for an OTP, whichever of the %d kinds the user is of", known, len(strangers))
}

// refusal is the answer to a try.
func refusal(ctx context.Context, t conformance.Target, a try) verdict {
	GinkgoHelper()
	v := ask(ctx, t, a.service, a.user, a.otp)
	Expect(v.accepted).To(BeFalse(), "an OTP that is not the user's is accepted")
	return v
}

// workFor counts the calls to the authentication server's HSM for one OTP.
func workFor(ctx context.Context, t conformance.Target, a try) int {
	GinkgoHelper()
	tracer := t.(conformance.HSMTracer)
	mark := tracer.Mark()
	refusal(ctx, t, a)
	n := 0
	for _, c := range tracer.Calls(mark) {
		if c.Slot == "authserver" {
			n++
		}
	}
	return n
}
