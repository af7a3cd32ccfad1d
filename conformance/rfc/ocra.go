package rfc

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/vectors"
)

func ocra(t conformance.Target) {
	for _, v := range vectors.RFC6287() {
		It(v.ID, conformance.Claims("RFC6287-appC"), func(ctx SpecContext) {
			data := suiteOf(v).Data(inputOf(v))
			response := oracle.Truncate(signInModule(ctx, t, v.Hash, v.Secret, data), v.Digits)
			conformance.Observe("%s: response %s from the HMAC of %d bytes by C_Sign", v.Suite, response, len(data))
			Expect(conformance.Public(response)).To(Equal(conformance.Public(v.Response)), "response of the vector")
		})
	}
	It("the authentication server and the responses of RFC 6287 Appendix C", conformance.Claims("RFC6287-appC-server"), func(ctx SpecContext) {
		all := vectors.RFC6287()
		conformance.SetClock(t, timeOf(all))
		// Refusals take their time: the vectors are gone through together, and judged after.
		seen := make([]exchange, len(all))
		var together sync.WaitGroup
		for i, v := range all {
			together.Go(func() { seen[i] = goThrough(ctx, t, v) })
		}
		together.Wait()
		for i, v := range all {
			conformance.Case(v.ID+"/server", func() { seen[i].judge(v) })
		}
	})
}

// timeOf is the one time of the vectors that have one.
func timeOf(all []vectors.OCRA) time.Time {
	latest := int64(0)
	for _, v := range all {
		latest = max(latest, v.Time)
	}
	return time.Unix(latest, 0)
}

func suiteOf(v vectors.OCRA) oracle.OCRA {
	GinkgoHelper()
	suite, err := oracle.ParseOCRA(v.Suite)
	Expect(err).NotTo(HaveOccurred())
	return suite
}

func inputOf(v vectors.OCRA) oracle.OCRAInput {
	return oracle.OCRAInput{Counter: v.Counter, Question: strings.Join(v.Questions, ""), PINHash: v.PINHash, Moving: v.Step}
}

// exchange is what an authentication server has done with a vector.
type exchange struct {
	err            error
	serverResponse string // of mode mutual-server, which ends with it
	other          bool   // the vector's response to another question is accepted
	right, again   bool   // to its own, and a second time
}

const serverMode = "mutual-server"

// goThrough brings a vector to the server: the secret is imported, the question registered.
func goThrough(ctx context.Context, t conformance.Target, v vectors.OCRA) (x exchange) {
	seed := conformance.Seed{
		Service: service(t), User: userNamed(), Suite: v.Suite, Secret: v.Secret, Counter: v.Counter,
		PINHash: v.PINHash, PINDigits: len(v.PIN),
	}
	if _, x.err = t.(conformance.SeedImporter).ImportSeed(ctx, seed); x.err != nil {
		return x
	}
	c := t.(conformance.Challenger)
	ask := conformance.Ask{Service: seed.Service, User: seed.User, Question: v.Questions[0]}
	if len(v.Questions) == 2 {
		ask.ClientQuestion = v.Questions[1]
	}
	if v.Mode == serverMode { // the client's question comes first
		ask.Question, ask.ClientQuestion = v.Questions[1], v.Questions[0]
	}
	asked, err := c.Challenge(ctx, ask)
	if err != nil || v.Mode == serverMode {
		return exchange{err: err, serverResponse: asked.ServerResponse}
	}
	reply := conformance.Reply{Challenge: asked.ID, Service: seed.Service, User: seed.User, Response: v.Response}
	first, err := c.Respond(ctx, reply)
	if x.right, x.err = first.Accepted, err; err != nil {
		return x
	}
	x.refusals(ctx, c, v, ask, reply)
	return x
}

// refusals hands the response in a second time, and to another question.
func (x *exchange) refusals(ctx context.Context, c conformance.Challenger, v vectors.OCRA, ask conformance.Ask, reply conformance.Reply) {
	ask.Question = otherQuestion(v)
	asked, err := c.Challenge(ctx, ask)
	if x.err = err; err != nil {
		return
	}
	elsewhere := reply
	elsewhere.Challenge = asked.ID
	var both sync.WaitGroup
	var again, other conformance.Validation
	var errs [2]error
	both.Go(func() { again, errs[0] = c.Respond(ctx, reply) })
	both.Go(func() { other, errs[1] = c.Respond(ctx, elsewhere) })
	both.Wait()
	x.again, x.other, x.err = again.Accepted, other.Accepted, errors.Join(errs[:]...)
}

// otherQuestion is one that the vector's response does not answer, wherever the server stands.
func otherQuestion(v vectors.OCRA) string {
	suite := suiteOf(v)
	for digit := '1'; digit <= '9'; digit++ {
		other, answered := v, false
		other.Questions = append([]string{strings.Repeat(string(digit), suite.Length-1) + "0"}, v.Questions[1:]...)
		for c := v.Counter; c <= v.Counter+nearby; c++ {
			for step := v.Step - min(v.Step, nearby); step <= v.Step+nearby && !answered; step++ {
				in := inputOf(other)
				in.Counter, in.Moving = c, step
				answered = suite.Response(v.Secret, in) == v.Response
				if suite.Step == 0 {
					break
				}
			}
			if !suite.Counter {
				break
			}
		}
		if !answered {
			return other.Questions[0]
		}
	}
	return ""
}

func (x exchange) judge(v vectors.OCRA) {
	GinkgoHelper()
	Expect(x.err).NotTo(HaveOccurred(), "import, challenge and response, suite %s", v.Suite)
	if v.Mode == serverMode {
		conformance.Observe("%s: asked by the client, the server proves itself by %s", v.Suite, x.serverResponse)
		Expect(conformance.Public(x.serverResponse)).To(Equal(conformance.Public(v.Response)), "server response of the vector")
		return
	}
	Expect(x.right).To(BeTrue(), "%s, the response of the vector, is refused", v.Response)
	Expect(x.again).To(BeFalse(), "%s is accepted a second time", v.Response)
	Expect(x.other).To(BeFalse(), "%s is accepted as the response to another question", v.Response)
	conformance.Observe("%s: %s accepted, then refused; refused for another question", v.Suite, v.Response)
}
