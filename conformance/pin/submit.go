package pin

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// verdict is what the server says to one OTP: whether it took it, and all of the answer
// that a caller can look at but for the date. took is what the call took here.
type verdict struct {
	accepted bool
	status   int
	text     string
	took     time.Duration
}

func ask(ctx context.Context, t conformance.Target, service, user, otp string) verdict {
	GinkgoHelper()
	start := time.Now()
	v, err := t.(conformance.Validator).Validate(ctx, service, user, otp)
	took := time.Since(start)
	Expect(err).NotTo(HaveOccurred(), "validation")
	header := maps.Clone(v.Header)
	if header == nil {
		header = http.Header{}
	}
	header.Del("Date")
	return verdict{v.Accepted, v.Status, fmt.Sprintf("%d %v %s", v.Status, header, v.Raw), took}
}

// judged says whether the OTP was accepted. A server that broke down has judged nothing.
func (v verdict) judged() bool {
	GinkgoHelper()
	Expect(v.status).To(BeNumerically("<", http.StatusInternalServerError), "status of the answer to an OTP")
	return v.accepted
}

func (h *holder) submit(ctx context.Context, otp string) verdict {
	GinkgoHelper()
	return ask(ctx, h.target, h.Service, h.Name, otp)
}

func (h *holder) accepts(ctx context.Context, otp string) bool {
	GinkgoHelper()
	return h.submit(ctx, otp).judged()
}

// login submits the OTP of the right PIN.
func (h *holder) login(ctx context.Context) bool {
	GinkgoHelper()
	accepted := h.accepts(ctx, h.right())
	if accepted && h.Suite.Step == 0 {
		h.Next++
	}
	return accepted
}

// refusals submits wrong OTPs, one after the other, and gives what the server says.
func (h *holder) refusals(ctx context.Context, n int) []string {
	GinkgoHelper()
	var said []string
	for _, otp := range h.wrong(n) {
		v := h.submit(ctx, otp)
		Expect(v.accepted).To(BeFalse(), "an OTP of no counter near is accepted")
		said = append(said, v.text)
	}
	return said
}

// block submits the declared number of wrong OTPs, all at once.
func (h *holder) block(ctx context.Context) {
	GinkgoHelper()
	otps := h.wrong(declared(h.target).LockAfter)
	each(len(otps), func(i int) {
		Expect(h.accepts(ctx, otps[i])).To(BeFalse(), "an OTP of no counter near is accepted")
	})
}

// right is the OTP that the phone makes next.
func (h *holder) right() string {
	GinkgoHelper()
	return h.with(h.PIN)
}

// with is the OTP that another PIN gives.
func (h *holder) with(pin string) string {
	GinkgoHelper()
	otp, err := h.Grant.OTP(pin, h.Moving())
	Expect(err).NotTo(HaveOccurred(), "an OTP on the phone")
	return otp
}

// tok is the secret that a PIN opens.
func (h *holder) tok(pin string) []byte {
	GinkgoHelper()
	tok, err := h.Grant.Inner().TOK(pin)
	Expect(err).NotTo(HaveOccurred(), "TOK on the phone")
	return tok
}

// wrong gives n different OTPs of no moving factor that the server could try now.
func (h *holder) wrong(n int) []string {
	GinkgoHelper()
	otps, err := h.Wrong(n)
	Expect(err).NotTo(HaveOccurred(), "wrong OTPs")
	return otps
}
