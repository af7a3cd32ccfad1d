package authserver_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/authserver/authclient"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

const appSuite = "OCRA-1:HOTP-SHA256-8:QH64-T30S"

// respond is the response of a phone.
func (p phone) respond(in oath.Input) string {
	text, err := p.suite.Response(func(data []byte) ([]byte, error) {
		h := hmac.New(p.suite.Hash.New, p.tok)
		h.Write(data)
		return h.Sum(nil), nil
	}, in)
	if err != nil {
		panic(err) // an HMAC in memory, and questions of the server
	}
	return text
}

// now is the input for a question at the node's time.
func (n *node) now(p phone, questions ...string) oath.Input {
	return oath.Input{Questions: questions, Step: p.suite.Step(n.clock.Now())}
}

func ask(p phone) authserver.ChallengeRequest {
	return authserver.ChallengeRequest{Service: service, User: p.user}
}

func (n *node) challenge(t testing.TB, in authserver.ChallengeRequest) authserver.ChallengeAnswer {
	t.Helper()
	return must(n.client("bank").Challenge(t.Context(), in))(t)
}

func (n *node) takes(t testing.TB, p phone, challenge, response string) bool {
	t.Helper()
	return must(n.client("bank").Respond(t.Context(), challenge, authserver.RespondRequest{Service: service, User: p.user, Response: response}))(t)
}

// importOCRA gives a fresh user an imported token; pin is empty where the suite has none.
func (n *node) importOCRA(t testing.TB, name, pin string, counter uint64) phone {
	t.Helper()
	p := phone{user: user(t), suite: must(oath.ParseSuite(name))(t), tok: bytes.Repeat([]byte{7}, 64)}
	s := authclient.Seed{Service: service, User: p.user, Suite: name, Counter: counter, Secret: reference.NewSecret(bytes.Clone(p.tok))}
	if pin != "" {
		sum := sha1.Sum([]byte(pin))
		s.PINHash, s.PINDigits = sum[:], len(pin)
	}
	p.token = must(n.client("importer").Import(t.Context(), s))(t)
	return p
}

// The profile of the application: asked, answered, accepted once.
func TestAChallengeTakesItsResponseOnce(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, appSuite)
	c := n.challenge(t, ask(p))
	if len(c.Question) != 64 || p.suite.Inputs.Question.Check(c.Question) != nil || !c.Expires.Equal(n.clock.Now().Add(5*time.Minute).Truncate(time.Millisecond)) {
		t.Fatalf("asked %+v", c)
	}
	response := p.respond(n.now(p, c.Question))
	for i, want := range []bool{true, false} {
		if got := n.takes(t, p, c.Challenge, response); got != want {
			t.Errorf("time %d: %v", i+1, got)
		}
	}
	if row := n.row(t, p.token); row.FailedEver != 0 || row.Counter != p.suite.Step(n.clock.Now())+1 {
		t.Errorf("row %+v", row)
	}
	again := n.challenge(t, ask(p)) // in the same time step
	if again.Question == c.Question || !n.takes(t, p, again.Challenge, p.respond(n.now(p, again.Question))) {
		t.Error("a second challenge in one time step is refused, or the same")
	}
}

// A wrong response uses the challenge up, and counts; what is compared with nothing does not.
func TestWhatCountsOfAResponse(t *testing.T) {
	n := theWorld(t).node(t)
	p, other := n.enrol(t, appSuite), n.enrol(t, appSuite)
	c := n.challenge(t, ask(p))
	right := p.respond(n.now(p, c.Question))
	bank := n.client("bank")
	for name, try := range map[string]struct {
		challenge string
		in        authserver.RespondRequest
	}{
		"too short":         {c.Challenge, authserver.RespondRequest{Service: service, User: p.user, Response: right[1:]}},
		"letters":           {c.Challenge, authserver.RespondRequest{Service: service, User: p.user, Response: "abcdefgh"}},
		"another user":      {c.Challenge, authserver.RespondRequest{Service: service, User: other.user, Response: right}},
		"another service":   {c.Challenge, authserver.RespondRequest{Service: "other", User: p.user, Response: right}},
		"another session":   {c.Challenge, authserver.RespondRequest{Service: service, User: p.user, Session: "x", Response: right}},
		"unknown user":      {c.Challenge, authserver.RespondRequest{Service: service, User: "nobody", Response: right}},
		"unknown challenge": {strings.Repeat("0", 26), authserver.RespondRequest{Service: service, User: p.user, Response: right}},
		"no challenge":      {"x", authserver.RespondRequest{Service: service, User: p.user, Response: right}},
	} {
		if accepted, err := bank.Respond(t.Context(), try.challenge, try.in); accepted || err != nil {
			t.Errorf("%s: %v, %v", name, accepted, err)
		}
	}
	if row := n.row(t, p.token); row.Failures != 0 || n.row(t, other.token).Failures != 0 {
		t.Errorf("%d failures counted", row.Failures)
	}
	if n.takes(t, p, c.Challenge, flipped(right)) || n.takes(t, p, c.Challenge, right) {
		t.Error("a wrong response is accepted, or leaves its challenge")
	}
	if row := n.row(t, p.token); row.Failures != 1 || row.FailedEver != 1 || row.Candidates != 3 {
		t.Errorf("row %+v", row)
	}
	for range 2 {
		c = n.challenge(t, ask(p))
		n.takes(t, p, c.Challenge, flipped(p.respond(n.now(p, c.Question))))
	}
	c = n.challenge(t, ask(p))
	if n.takes(t, p, c.Challenge, p.respond(n.now(p, c.Question))) || n.row(t, p.token).State != "locked" {
		t.Error("three wrong responses do not lock")
	}
}

// flipped is a response that differs in its last digit.
func flipped(response string) string {
	last := response[len(response)-1]
	return response[:len(response)-1] + string("1032547698"[last-'0'])
}

func TestChallengesExpire(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, appSuite)
	in := ask(p)
	in.ValiditySeconds = 60
	inTime, late := n.challenge(t, in), n.challenge(t, in)
	n.clock.set(start.Add(59 * time.Second))
	if !n.takes(t, p, inTime.Challenge, p.respond(n.now(p, inTime.Question))) {
		t.Error("refused a second before its end")
	}
	n.clock.set(start.Add(60 * time.Second))
	if n.takes(t, p, late.Challenge, p.respond(n.now(p, late.Question))) {
		t.Error("accepted at its end")
	}
}

// A time step to either side is taken, and none before one that was accepted.
func TestTimeStepsOfResponses(t *testing.T) {
	n := theWorld(t).node(t)
	for _, c := range []struct {
		offset int
		want   bool
	}{{-2, false}, {-1, true}, {0, true}, {1, true}, {2, false}} {
		p := n.enrol(t, appSuite)
		q := n.challenge(t, ask(p))
		in := n.now(p, q.Question)
		in.Step += uint64(c.offset)
		if got := n.takes(t, p, q.Challenge, p.respond(in)); got != c.want {
			t.Errorf("%+d steps: %v", c.offset, got)
		}
	}
	p := n.enrol(t, appSuite)
	for i, offset := range []int{1, 0} {
		q := n.challenge(t, ask(p))
		in := n.now(p, q.Question)
		in.Step += uint64(offset)
		if got := n.takes(t, p, q.Challenge, p.respond(in)); got != (i == 0) {
			t.Errorf("%+d after the step of an accepted one: %v", offset, got)
		}
	}
}

// Counters move by what was accepted; passed-over ones are gone.
func TestCountersOfResponses(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.importOCRA(t, "OCRA-1:HOTP-SHA256-8:C-QN08-T1M", "", 5)
	at := func(counter uint64) bool {
		c := n.challenge(t, ask(p))
		in := n.now(p, c.Question)
		in.Counter = counter
		return n.takes(t, p, c.Challenge, p.respond(in))
	}
	for _, c := range []struct {
		counter uint64
		want    bool
	}{{4, false}, {15, true}, {15, false}, {16, true}, {28, false}, {27, true}} {
		if got := at(c.counter); got != c.want {
			t.Errorf("counter %d: %v", c.counter, got)
		}
	}
	if row := n.row(t, p.token); row.Counter != 28 || row.Candidates != 3*33 {
		t.Errorf("row %+v", row)
	}
}

// One of 200 equal responses at the same time is accepted, and the others count nothing.
func TestParallelResponses(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, appSuite)
	c := n.challenge(t, ask(p))
	response := p.respond(n.now(p, c.Question))
	var accepted atomic.Int64
	var wg sync.WaitGroup
	second := must(authserver.New(authserver.Config{}, authserver.Parts{Store: n.store, HSM: n.auth, Keys: n.authKeys, Clock: n.clock}))(t)
	t.Cleanup(second.Close)
	for i := range 200 {
		wg.Go(func() {
			s := n.Server
			if i%2 == 1 {
				s = second // a node beside this one
			}
			ok, err := s.Respond(t.Context(), authserver.Reply{Challenge: c.Challenge, Service: service, User: p.user, Response: response})
			if err != nil {
				t.Error(err)
			}
			if ok {
				accepted.Add(1)
			}
		})
	}
	wg.Wait()
	if row := n.row(t, p.token); accepted.Load() != 1 || row.FailedEver != 0 {
		t.Errorf("%d accepted, %d failures", accepted.Load(), row.FailedEver)
	}
}

// The bank registers a question once: while a response to it could be right, and for ever
// where nothing moves.
func TestRegisteredQuestions(t *testing.T) {
	n := theWorld(t).node(t)
	timed, still := n.enrol(t, appSuite), n.importOCRA(t, "OCRA-1:HOTP-SHA256-8:QA16", "", 0)
	for _, c := range []struct {
		who      phone
		question string
		again    []string // the same to the HMAC
		after    time.Duration
		repeats  bool
	}{
		{timed, "C0FFEE12", []string{"C0FFEE12", "c0ffee12", "C0FFEE1200"}, 17 * time.Minute, true},
		{still, "PAY1000EUR", []string{"PAY1000EUR"}, 1000 * time.Hour, false},
	} {
		n.clock.set(start)
		in := ask(c.who)
		in.Question = c.question
		q := n.challenge(t, in)
		if q.Question != c.question {
			t.Errorf("asked %q", q.Question)
		}
		for _, again := range c.again {
			in.Question = again
			if _, err := n.client("bank").Challenge(t.Context(), in); !errors.Is(err, reference.ErrConflict) {
				t.Errorf("%q again: %v", again, err)
			}
		}
		if !n.takes(t, c.who, q.Challenge, c.who.respond(n.now(c.who, c.question))) {
			t.Errorf("the response to %q is refused", c.question)
		}
		n.clock.set(start.Add(c.after))
		_, err := n.client("bank").Challenge(t.Context(), in)
		if (err == nil) != c.repeats {
			t.Errorf("%q after %v: %v", c.question, c.after, err)
		}
	}
}

func TestWhatASuiteIsNotAsked(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.importOCRA(t, "OCRA-1:HOTP-SHA256-8:QN08-S004", "", 0)
	good := authserver.ChallengeRequest{Service: service, User: p.user, Session: "s1"}
	if c := n.challenge(t, good); len(c.Question) != 8 {
		t.Errorf("asked %+v", c)
	}
	for name, change := range map[string]func(*authserver.ChallengeRequest){
		"letters":                      func(c *authserver.ChallengeRequest) { c.Question = "1234567A" },
		"a question too long":          func(c *authserver.ChallengeRequest) { c.Question = "123456789" },
		"a question too short":         func(c *authserver.ChallengeRequest) { c.Question = "1234567" },
		"a client question too short":  func(c *authserver.ChallengeRequest) { c.ClientQuestion = "1234567" },
		"a client question from 0":     func(c *authserver.ChallengeRequest) { c.ClientQuestion = "01234567" },
		"no session information":       func(c *authserver.ChallengeRequest) { c.Session = "" },
		"too much session information": func(c *authserver.ChallengeRequest) { c.Session = "12345" },
		"unprintable":                  func(c *authserver.ChallengeRequest) { c.Session = "a\n" },
		"too long a validity":          func(c *authserver.ChallengeRequest) { c.ValiditySeconds = 301 },
		"a negative validity":          func(c *authserver.ChallengeRequest) { c.ValiditySeconds = -1 },
		"no user":                      func(c *authserver.ChallengeRequest) { c.User = "" },
	} {
		in := good
		change(&in)
		var p problem.Problem
		if _, err := n.client("bank").Challenge(t.Context(), in); !errors.As(err, &p) || p.Status != http.StatusBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Session information is a part of the response, and its reply has to bring it again.
func TestSessionInformation(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.importOCRA(t, "OCRA-1:HOTP-SHA256-8:QN08-S064", "", 0)
	in := ask(p)
	in.Session = "session é"
	for name, c := range map[string]struct {
		computed, told string
		want           bool
	}{
		"right":             {in.Session, in.Session, true},
		"another":           {"session f", in.Session, false},
		"told another":      {in.Session, "session f", false},
		"computed and told": {"session f", "session f", false},
	} {
		q := n.challenge(t, in)
		response := p.respond(oath.Input{Questions: []string{q.Question}, Session: []byte(c.computed)})
		got, err := n.client("bank").Respond(t.Context(), q.Challenge, authserver.RespondRequest{Service: service, User: p.user, Session: c.told, Response: response})
		if err != nil || got != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Users without a token for challenges are asked like others, and what they answer is wrong.
func TestNobodyIsAskedLikeOthers(t *testing.T) {
	n := theWorld(t).node(t)
	hotp, gone := n.enrol(t, "HOTP-SHA256-6"), n.enrol(t, appSuite)
	check(t, n.peer().SetState(t.Context(), "revoke-"+string(gone.token), gone.token, "revoke"))
	for name, u := range map[string]reference.User{"unknown": user(t), "HOTP": hotp.user, "revoked": gone.user} {
		in := authserver.ChallengeRequest{Service: service, User: u, Question: "C0FFEE12"}
		if c := n.challenge(t, in); c.Question != in.Question {
			t.Errorf("%s: asked %+v", name, c)
		}
		if _, err := n.client("bank").Challenge(t.Context(), in); !errors.Is(err, reference.ErrConflict) {
			t.Errorf("%s: the same again: %v", name, err)
		}
		in.Question = ""
		c := n.challenge(t, in)
		p := phone{user: u, tok: gone.tok, suite: gone.suite}
		if len(c.Question) != 64 || n.takes(t, p, c.Challenge, p.respond(n.now(p, c.Question))) {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if n.accepts(t, gone, "12345678") || n.row(t, hotp.token).FailedEver != 0 {
		t.Error("a token for challenges takes OTPs, or another one counts responses")
	}
}

// RFC 6287 §7.2: the server proves that it has the key before the client does.
func TestMutual(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.importOCRA(t, "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1-T1M", "1234", 3)
	in := ask(p)
	in.ClientQuestion = "87654321"
	c := n.challenge(t, in)
	theirs := phone{suite: p.suite.Server(), tok: p.tok}
	if at := (oath.Input{Counter: 3, Questions: []string{in.ClientQuestion, c.Question}, Step: p.suite.Step(start)}); c.ServerResponse != theirs.respond(at) {
		t.Errorf("the server's response is %s", c.ServerResponse)
	}
	pin := sha1.Sum([]byte("1234"))
	mine := oath.Input{Counter: 3, Questions: []string{c.Question, in.ClientQuestion}, PIN: pin[:], Step: p.suite.Step(start)}
	if !n.takes(t, p, c.Challenge, p.respond(mine)) {
		t.Error("the client's response is refused")
	}
}

// A server response under TOK would tell whoever holds a phone when he has found the PIN.
func TestEnrolledTokensGetNoServerResponse(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, appSuite)
	in := ask(p)
	in.ClientQuestion = strings.Repeat("A", 64)
	c := n.challenge(t, in)
	if c.ServerResponse == "" || c.ServerResponse == p.respond(n.now(p, in.ClientQuestion, c.Question)) {
		t.Errorf("server response %q", c.ServerResponse)
	}
	if !n.takes(t, p, c.Challenge, p.respond(n.now(p, c.Question, in.ClientQuestion))) {
		t.Error("the client's response is refused")
	}
}

// The PIN's hash is part of the response, and in the database under the HSM.
func TestPINHashes(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.importOCRA(t, "OCRA-1:HOTP-SHA256-8:QN08-PSHA1", "4711", 0)
	answer := func(pin string) bool {
		c, sum := n.challenge(t, ask(p)), sha1.Sum([]byte(pin))
		return n.takes(t, p, c.Challenge, p.respond(oath.Input{Questions: []string{c.Question}, PIN: sum[:]}))
	}
	if answer("4712") || !answer("4711") {
		t.Error("a wrong PIN is accepted, or the right one refused")
	}
	sum := sha1.Sum([]byte("4711"))
	row := n.row(t, p.token)
	if bytes.Contains(row.PINHash, sum[:4]) || len(row.PINHash) != 12+20+16 || row.PINDigits != 4 {
		t.Errorf("kept %x", row.PINHash)
	}
	for range 3 { // with 4 digits, 4 failures in all; the user's logins come in between
		answer("0000")
		answer("4711")
	}
	if state := n.row(t, p.token).State; state != "locked" {
		t.Errorf("after 4 failures the token is %s", state)
	}
}

// changed is a database in which somebody has changed the challenges.
type changed struct {
	store.AuthServer
	change func(*store.Challenge)
}

type changedReader struct {
	store.AuthReader
	change func(*store.Challenge)
}

func (s changed) View(ctx context.Context, fn func(store.AuthReader) error) error {
	return s.AuthServer.View(ctx, func(tx store.AuthReader) error { return fn(changedReader{tx, s.change}) })
}

func (r changedReader) Challenge(id string) (store.Challenge, error) {
	c, err := r.AuthReader.Challenge(id)
	r.change(&c)
	return c, err
}

// What is changed in the database is not believed.
func TestTamperedChallenges(t *testing.T) {
	w := theWorld(t)
	for name, change := range map[string]func(*store.Challenge){
		"unused again":    func(c *store.Challenge) { c.Used = false },
		"another id":      func(c *store.Challenge) { c.ID = strings.Repeat("0", 26) },
		"another text":    func(c *store.Challenge) { c.Question = strings.Repeat("0", 64) },
		"a client's text": func(c *store.Challenge) { c.Client = "00" },
		"another digest":  func(c *store.Challenge) { c.Asked = c.MAC },
		"a later end":     func(c *store.Challenge) { c.Expires = c.Expires.Add(time.Hour) },
		"kept for longer": func(c *store.Challenge) { c.KeptUntil = c.KeptUntil.Add(time.Hour) },
		"another MAC":     func(c *store.Challenge) { c.MAC = c.Asked },
		"no MAC":          func(c *store.Challenge) { c.MAC = nil },
	} {
		t.Run(name, func(t *testing.T) {
			whole := w.node(t)
			n := w.node(t, func(_ *authserver.Config, p *authserver.Parts) { p.Store = changed{p.Store, change} })
			p := n.enrol(t, appSuite)
			c := n.challenge(t, ask(p))
			in := n.now(p, c.Question)
			if name == "unused again" {
				whole.takes(t, p, c.Challenge, p.respond(in))
			}
			for _, question := range [][]string{{c.Question}, {strings.Repeat("0", 64)}, {c.Question, "00"}} {
				in.Questions = question
				if n.takes(t, p, c.Challenge, p.respond(in)) {
					t.Error("accepted")
				}
			}
			if text := n.log.String(); !strings.Contains(text, "event=tampered token="+string(p.token)) {
				t.Error("nothing in the log")
			}
		})
	}
}

func TestSuitesThatAreRefused(t *testing.T) {
	n := theWorld(t).node(t)
	for _, name := range []string{"OCRA-1:HOTP-SHA1-6:QN07", "OCRA-1:HOTP-SHA1-8:C-QN07", "OCRA-1:HOTP-SHA1-4:C-QN08"} {
		s := authclient.Seed{Service: service, User: user(t), Suite: name, Secret: reference.NewSecret(make([]byte, 20))}
		var p problem.Problem
		if _, err := n.client("importer").Import(t.Context(), s); !errors.As(err, &p) || p.Status != http.StatusBadRequest {
			t.Errorf("%s imported: %v", name, err)
		}
	}
	for _, name := range []string{"OCRA-1:HOTP-SHA256-8:QN08", "OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1"} {
		r, _ := n.registration(t, user(t), name)
		if err := n.peer().Create(t.Context(), r); !errors.Is(err, reference.ErrRefused) {
			t.Errorf("%s enrolled: %v", name, err)
		}
	}
	for _, c := range []authserver.Challenges{{Suite: "HOTP-SHA256-6"}, {Suite: "x"}, {Suite: "OCRA-1:HOTP-SHA512-8:QH64"}, {Validity: time.Hour}, {Validity: -1}} {
		if _, err := authserver.New(authserver.Config{Challenges: c}, authserver.Parts{Store: n.store, HSM: n.auth, Keys: n.authKeys}); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
