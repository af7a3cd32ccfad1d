package mpp

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/people"
)

func audited(t conformance.Target) {
	It("leaves a record of each outcome for the auditor, and for nobody else", conformance.Claims("ST-2.2.2-c"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		_, err := e.Provision(ctx, stranger, []byte("no request")) // counted by the second: looked at last
		Expect(err).NotTo(HaveOccurred(), "what is no request gets no answer")
		enrolment := len(e.records(ctx, c))
		e.expectRefused(ctx, e.wrongCodes(c, 1)...)
		s := e.request(c)
		e.expectAccepted(ctx, c, s, "the right code")
		e.expectRefused(ctx, try{"the same request again", s.Body})
		Expect(strings.Join(e.records(ctx, c)[enrolment:], " ")).To(Equal("refused provisioned refused"), "records of wrong code, delivery and replay")
		Eventually(func() int { return e.rejected(ctx, stranger) }).WithTimeout(10*time.Second).WithPolling(50*time.Millisecond).
			Should(Equal(1), "requests of a stranger that the audit has counted")
		readers := expectAuditorAlone(ctx, t)
		conformance.Observe("wrong code, delivery and replay have left one record each, a request of no known phone was counted; %d callers other than the auditor are refused the audit", readers)
	})
}

// records gives the events in the audit of a token.
func (e eps) records(ctx context.Context, c people.User) []string {
	GinkgoHelper()
	entries, err := e.Target.(conformance.Auditor).Audit(ctx, c.Token)
	Expect(err).NotTo(HaveOccurred(), "audit of a token")
	var seen []string
	for _, entry := range entries {
		seen = append(seen, entry.Event)
	}
	return seen
}

// stranger is an address from which no phone calls.
const stranger = "127.251.0.1"

// rejected counts the requests of an address that were refused before their sender was known.
func (e eps) rejected(ctx context.Context, from string) int {
	GinkgoHelper()
	entries, err := e.Target.(conformance.Auditor).Audit(ctx, "")
	Expect(err).NotTo(HaveOccurred(), "audit")
	n := 0
	for _, entry := range entries {
		var detail struct {
			Count  int
			Source string
		}
		if entry.Event == "rejected" && json.Unmarshal([]byte(entry.Detail), &detail) == nil && detail.Source == from {
			n += detail.Count
		}
	}
	return n
}

// expectAuditorAlone has every other caller ask for the audit.
func expectAuditorAlone(ctx context.Context, t conformance.Target) int {
	GinkgoHelper()
	surfaces := t.(conformance.Listeners).Surfaces()
	readers := 0
	for _, s := range surfaces {
		for _, r := range s.Routes {
			if !r.Safe || !strings.Contains(r.Path, "audit") {
				continue
			}
			auditor := caller(s, r)
			Expect(status(ctx, auditor, s, r)).To(Equal(http.StatusOK), "the auditor asks for the audit")
			for name, other := range callersOf(surfaces) {
				if other == auditor {
					continue
				}
				readers++
				expectTurnedAway(status(ctx, other, s, r), "%s asks for the audit", name)
			}
		}
	}
	Expect(readers).To(BeNumerically(">", 0), "callers who asked for the audit")
	return readers
}

// callersOf gives everybody who may do something somewhere, and a stranger.
func callersOf(surfaces []conformance.Surface) map[string]*http.Client {
	all := map[string]*http.Client{}
	var known []*http.Client
	for _, s := range surfaces {
		for name, c := range map[string]*http.Client{"the client": s.Client, "a stranger": s.Stranger} {
			if c != nil && !slices.Contains(known, c) {
				known = append(known, c)
				all[fmt.Sprintf("%s of %s", name, s.Name)] = c
			}
		}
	}
	return all
}
