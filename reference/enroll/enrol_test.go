package enroll_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/store"
)

var ctx = context.Background()

func TestEnrolMakesATokenAndTellsPINAndCodeOnce(t *testing.T) {
	w := enrolltest.New(t)
	r := w.Enrol(t)
	for _, c := range []struct{ what, have, want string }{
		{"token", string(r.Token), `^[0-9A-HJKMNP-TV-Z]{26}$`},
		{"PIN", string(r.PIN.Bytes()), `^[0-9]{6}$`},
		{"registration code", string(r.Code.Bytes()), `^[0-9A-HJKMNP-TV-Z]{8}-[0-9]{11}$`},
	} {
		if !regexp.MustCompile(c.want).MatchString(c.have) {
			t.Errorf("%s does not look like %s", c.what, c.want)
		}
	}
	if !r.Expires.Equal(w.Clock.Now().Add(24 * time.Hour)) {
		t.Errorf("expires %v", r.Expires)
	}
	if state, code := w.State(t, r.Token); state != reference.Issued || code != reference.CodeLive {
		t.Errorf("token is %s, code is %s", state, code)
	}
	if got := fmt.Sprintf("%v %+v %s", r, r, r.PIN); strings.Contains(got, string(r.PIN.Bytes())) {
		t.Error("a result prints its PIN")
	}
	_, err := w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: enrolltest.User})
	if !errors.Is(err, reference.ErrExists) {
		t.Errorf("second enrolment: %v, want ErrExists", err)
	}
	if n := len(w.Outbox(t)); n != 0 {
		t.Errorf("%d messages are left in the outbox", n)
	}
}

func TestEveryCommitOfAnEnrolmentHasItsRecord(t *testing.T) {
	w := enrolltest.New(t)
	r := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: enrolltest.User, Actor: "issuer-1"})
	records := w.Records(t, store.AuditQuery{Token: r.Token})
	want := []struct {
		event   string
		version uint64
	}{{"enrolling", 1}, {"enrolled", 2}}
	if len(records) != len(want) {
		t.Fatalf("records: %+v", records)
	}
	for i, rec := range records {
		if rec.Event != want[i].event || rec.RowVersion != want[i].version || rec.Actor != "issuer-1" {
			t.Errorf("record %d: %+v", i, rec)
		}
		for _, secret := range []reference.Secret{r.PIN, r.Code} {
			if strings.Contains(rec.Detail, string(secret.Bytes())) {
				t.Errorf("record %d holds a secret", i)
			}
		}
	}
}

func TestNothingSecretIsInTheDatabaseFiles(t *testing.T) {
	w := enrolltest.New(t)
	// A PIN of 12 digits and a code of 11 do not stand in a file by chance.
	r := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: enrolltest.User, PINDigits: 12})
	_, digits, err := reference.SplitCode(r.Code.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(filepath.Dir(w.DB), "*"))
	if err != nil {
		t.Fatal(err)
	}
	control := false
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		control = control || strings.Contains(string(data), string(enrolltest.User))
		for _, secret := range [][]byte{r.PIN.Bytes(), digits, r.Code.Bytes()} {
			if strings.Contains(string(data), string(secret)) {
				t.Errorf("a secret is in %s", filepath.Base(f))
			}
		}
	}
	if !control {
		t.Error("the user's name is not found either: the search finds nothing")
	}
}

func TestEnrolTakesWhatTheBankAsksFor(t *testing.T) {
	w := enrolltest.New(t)
	for _, c := range []struct {
		r           enroll.Request
		length, tok int
	}{
		{enroll.Request{Suite: "TOTP-SHA1-8-30", PINDigits: 4, CodeDigits: 8, Validity: time.Minute}, 8, 32},
		{enroll.Request{Suite: "HOTP-SHA512-7", PINDigits: 12, CodeDigits: 5, Validity: time.Hour}, 5, 64},
	} {
		c.r.Service, c.r.User = enrolltest.Service, reference.User(c.r.Suite)
		r := w.EnrolAs(t, c.r)
		_, digits, err := reference.SplitCode(r.Code.Bytes())
		if err != nil || len(digits) != c.length || r.PIN.Len() != c.r.PINDigits || !r.Expires.Equal(w.Clock.Now().Add(c.r.Validity)) {
			t.Errorf("%+v: %d digits, %v", c.r, len(digits), err)
		}
		if got := w.Server.Held(r.Token).Registration; got.TOKLength != c.tok || got.Suite != c.r.Suite || got.PINDigits != c.r.PINDigits {
			t.Errorf("%+v: registered %d bytes of %s", c.r, got.TOKLength, got.Suite)
		}
	}
}

func TestEnrolRefusesWhatBreaksALimit(t *testing.T) {
	w := enrolltest.New(t)
	for name, change := range map[string]func(*enroll.Request){
		"no service":            func(r *enroll.Request) { r.Service = "" },
		"service in capitals":   func(r *enroll.Request) { r.Service = "Bank" },
		"no user":               func(r *enroll.Request) { r.User = "" },
		"user ends in space":    func(r *enroll.Request) { r.User = "ada " },
		"user with a newline":   func(r *enroll.Request) { r.User = "a\nb" },
		"user of 129 bytes":     func(r *enroll.Request) { r.User = reference.User(strings.Repeat("a", 129)) },
		"user not UTF-8":        func(r *enroll.Request) { r.User = "a\xff" },
		"unknown suite":         func(r *enroll.Request) { r.Suite = "HOTP-MD5-6" },
		"PIN of 3 digits":       func(r *enroll.Request) { r.PINDigits = 3 },
		"PIN of 13 digits":      func(r *enroll.Request) { r.PINDigits = 13 },
		"code of 12 digits":     func(r *enroll.Request) { r.CodeDigits = 12 },
		"code too short to try": func(r *enroll.Request) { r.CodeDigits = 4 },
		"validity negative":     func(r *enroll.Request) { r.Validity = -time.Second },
		"validity of years":     func(r *enroll.Request) { r.Validity = 5 * 365 * 24 * time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			r := enroll.Request{Service: enrolltest.Service, User: enrolltest.User}
			change(&r)
			if _, err := w.Enroll.Enrol(ctx, r); !errors.Is(err, reference.ErrInvalid) {
				t.Errorf("have %v, want ErrInvalid", err)
			}
		})
	}
	if records := w.Records(t, store.AuditQuery{}); len(records) != 0 {
		t.Errorf("something was recorded: %+v", records)
	}
}

func TestAConfigurationWithTooManyTriesIsRefused(t *testing.T) {
	for _, c := range []struct {
		digits, tries int
		holds         bool
	}{
		{4, 4, true}, {4, 5, false}, {5, 48, true}, {5, 49, false}, {2, 1, false}, {3, 1, false},
		{11, 48_828_125, true}, {11, 48_828_126, false}, {6, 0, false}, {1, 1, false}, {12, 1, false},
	} {
		if err := enroll.CheckTries(c.digits, c.tries); (err == nil) != c.holds {
			t.Errorf("%d digits, %d tries: %v", c.digits, c.tries, err)
		}
	}
	w := enrolltest.New(t)
	w.Config.CodeDigits, w.Config.CodeTries = 6, 489
	if _, err := enroll.New(w.Config, w.Parts); !errors.Is(err, reference.ErrInvalid) {
		t.Errorf("New: %v, want ErrInvalid", err)
	}
}

func TestOfParallelEnrolmentsOfOneUserOneIsMade(t *testing.T) {
	w := enrolltest.New(t)
	var made, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: enrolltest.User})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				made++
			case errors.Is(err, reference.ErrExists):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if made != 1 || refused != 7 {
		t.Errorf("made %d, refused %d", made, refused)
	}
}

func TestALocatorIsNeverIssuedTwice(t *testing.T) {
	w := enrolltest.New(t)
	draws := 0
	w.Parts.Codes = func(random io.Reader, digits int) (string, []byte, error) {
		draws++
		locator, code, err := enroll.DrawCode(random, digits)
		if draws <= 2 {
			locator = "0000000A" // the second enrolment draws what the first has
		}
		return locator, code, err
	}
	w.Renew(t)
	first := w.Enrol(t)
	if err := w.Enroll.Revoke(ctx, first.Token, "test"); err != nil {
		t.Fatal(err)
	}
	second := w.Enrol(t)
	if locator, _, _ := reference.SplitCode(second.Code.Bytes()); draws != 3 || locator == "0000000A" { //nolint:errcheck // issued a moment ago
		t.Errorf("%d draws, locator %s", draws, locator)
	}
}

func TestWhenTheAuthenticationServerFailsTheTokenIsCancelled(t *testing.T) {
	for name, c := range map[string]struct{ failure, want error }{
		"it does not answer": {errors.New("connection reset"), reference.ErrUnavailable},
		"it refuses":         {fmt.Errorf("no: %w", reference.ErrRefused), reference.ErrRefused},
	} {
		t.Run(name, func(t *testing.T) {
			w := enrolltest.New(t)
			w.Server.Fail(func(string) error { return c.failure })
			r, err := w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: enrolltest.User})
			if !errors.Is(err, c.want) || r.PIN.Len()+r.Code.Len() != 0 {
				t.Fatalf("have %v, want %v", err, c.want)
			}
			waiting := w.Outbox(t)
			if len(waiting) != 1 || waiting[0].Op != "cancel" {
				t.Fatalf("outbox: %+v", waiting)
			}
			id := waiting[0].Token
			if state, code := w.State(t, id); state != reference.Cancelled || code != reference.CodeRetired {
				t.Errorf("token is %s, code is %s", state, code)
			}
			w.Server.Fail(func(string) error { return errors.New("still away") })
			if err := w.Enroll.Flush(ctx); !errors.Is(err, reference.ErrUnavailable) || len(w.Outbox(t)) != 1 {
				t.Errorf("an unacknowledged message is gone: %v", err)
			}
			w.Server.Fail(nil)
			if err := w.Enroll.Flush(ctx); err != nil || len(w.Outbox(t)) != 0 || w.Server.State(id) != "cancelled" {
				t.Errorf("flush: %v, there it is %q", err, w.Server.State(id))
			}
			w.Enrol(t) // the user is free again
		})
	}
}

// away is a store that takes no change while it is away.
type away struct {
	store.EPS
	is atomic.Bool
}

func (s *away) Update(ctx context.Context, fn func(store.Tx) error) error {
	if s.is.Load() {
		return reference.ErrUnavailable
	}
	return s.EPS.Update(ctx, fn)
}

// An enrolment that could not even be given up, since the store went away, is given up by
// the next Flush: its user need not wait until it is old.
func TestAnEnrolmentThatAnOutageHasCutOffIsGivenUpAtOnce(t *testing.T) {
	w := enrolltest.New(t)
	st := &away{EPS: w.Store}
	w.Parts.Store = st
	w.Renew(t)
	w.Server.Fail(func(string) error { st.is.Store(true); return errors.New("away too") })
	if _, err := w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: enrolltest.User}); !errors.Is(err, reference.ErrUnavailable) {
		t.Fatal(err)
	}
	st.is.Store(false)
	w.Server.Fail(nil)
	id := w.Outbox(t)[0].Token
	if state, _ := w.State(t, id); state != reference.Pending {
		t.Fatalf("the outage leaves a token that is %s", state)
	}
	if err := w.Enroll.Flush(ctx); err != nil || len(w.Outbox(t)) != 0 || w.Server.State(id) != "cancelled" {
		t.Errorf("flush: %v, there it is %q", err, w.Server.State(id))
	}
	w.Enrol(t) // the user is free again
}

func TestAnEnrolmentThatWasCutOffIsUndoneAtTheNextStart(t *testing.T) {
	for name, reached := range map[string]bool{"before the create": false, "after the create": true} {
		t.Run(name, func(t *testing.T) {
			w := enrolltest.New(t)
			w.Parts.AuthServer = cutOff{w.Server, reached}
			w.Renew(t)
			func() {
				defer func() { _ = recover() }()
				_, err := w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: enrolltest.User})
				t.Error("the enrolment went on", err)
			}()
			w.Reopen(t)
			id := w.Outbox(t)[0].Token
			if state, _ := w.State(t, id); state != reference.Pending {
				t.Fatalf("the crash left %s", state)
			}
			if err := w.Enroll.Flush(ctx); err != nil || len(w.Outbox(t)) != 1 {
				t.Errorf("flush took an enrolment under way for dead: %v", err)
			}
			if err := w.Enroll.Recover(ctx); err != nil {
				t.Fatal(err)
			}
			if err := w.Enroll.Flush(ctx); err != nil {
				t.Fatal(err)
			}
			if state, code := w.State(t, id); state != reference.Cancelled || code != reference.CodeRetired {
				t.Errorf("token is %s, code is %s", state, code)
			}
			if there := w.Server.State(id); there != "cancelled" || len(w.Outbox(t)) != 0 {
				t.Errorf("there it is %q", there)
			}
			w.Enrol(t)
		})
	}
}

func TestFlushUndoesWhatAnotherProcessLeft(t *testing.T) {
	w := enrolltest.New(t)
	w.Parts.AuthServer = cutOff{w.Server, false}
	w.Renew(t)
	func() {
		defer func() { _ = recover() }()
		_, _ = w.Enroll.Enrol(ctx, enroll.Request{Service: enrolltest.Service, User: enrolltest.User})
	}()
	w.Reopen(t)
	w.Clock.Add(time.Hour)
	if err := w.Enroll.Flush(ctx); err != nil || len(w.Outbox(t)) != 0 {
		t.Errorf("flush: %v, %d messages left", err, len(w.Outbox(t)))
	}
}

// cutOff ends the process, as far as enrolment can tell, in the middle of Create.
type cutOff struct {
	*enrolltest.AuthServer
	reached bool
}

func (c cutOff) Create(ctx context.Context, r plugin.Registration) error {
	if c.reached {
		_ = c.AuthServer.Create(ctx, r)
	}
	panic("power is gone")
}
