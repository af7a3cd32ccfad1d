package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/strict"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/oath"
)

// Prefixes of the environment variables that override a file: EPS_HSM_LABEL for
// hsm.label, EPSAUTH_… for an authentication server.
const (
	EnvPrefix     = "EPS"
	EnvPrefixAuth = "EPSAUTH"
)

// ErrConfig is in the chain of every error about a configuration.
var ErrConfig = errors.New("configuration")

// Load reads eps.yaml at path, lays it over Default, applies environ and makes
// paths absolute.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if err := load(path, environ, EnvPrefix, &c, &c.HSM, &c.Store); err != nil {
		return Config{}, err
	}
	c.Resolve(filepath.Dir(path))
	return c, c.Check()
}

// LoadAuthServer reads authserver.yaml as Load reads eps.yaml.
func LoadAuthServer(path string, environ []string) (AuthServerConfig, error) {
	c := DefaultAuthServer()
	if err := load(path, environ, EnvPrefixAuth, &c, &c.HSM, &c.Store); err != nil {
		return AuthServerConfig{}, err
	}
	c.Resolve(filepath.Dir(path))
	return c, c.check()
}

// maker is the command that makes a configuration, by the prefix of its variables.
var maker = map[string]string{EnvPrefix: "eps init", EnvPrefixAuth: "eps authserver init"}

func load(path string, environ []string, prefix string, c any, h *HSM, st *Store) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return &reference.Hint{Err: fmt.Errorf("%w: %w", ErrConfig, err), Text: "make one with: " + maker[prefix]}
	}
	if err := strict.YAML(data, c); err != nil {
		return fmt.Errorf("%w %s: %w", ErrConfig, path, err)
	}
	if err := strict.Env(prefix, environ, c, h.PINEnv, st.PasswordEnv); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return nil
}

// Resolve makes the paths of c absolute, under dir.
func (c *Config) Resolve(dir string) {
	c.HSM.resolve(dir)
	c.Store.resolve(dir)
	absolute(dir, &c.Audit.Anchor, &c.Roles, &c.AuthServer.CA, &c.AuthServer.Certificate, &c.AuthServer.Key)
	for _, l := range []*Listener{&c.Listeners.Bank, &c.Listeners.Public, &c.Listeners.Operations} {
		l.resolve(dir)
	}
}

// Resolve makes the paths of c absolute, under dir.
func (c *AuthServerConfig) Resolve(dir string) {
	c.HSM.resolve(dir)
	c.Store.resolve(dir)
	absolute(dir, &c.Roles)
	for _, l := range []*Listener{&c.Listeners.Plugin, &c.Listeners.Auth, &c.Listeners.Operations} {
		l.resolve(dir)
	}
}

func (h *HSM) resolve(dir string) {
	h.dir = dir
	absolute(dir, &h.PINFile)
	if strings.ContainsRune(h.Module, filepath.Separator) {
		absolute(dir, &h.Module)
	}
}

func (s *Store) resolve(dir string) { absolute(dir, &s.Path, &s.PasswordFile) }

func (l *Listener) resolve(dir string) {
	absolute(dir, &l.Certificate, &l.Key, &l.Clients)
	if socket, is := l.socket(); is {
		absolute(dir, &socket)
		l.Address = unixPrefix + socket
	}
}

func absolute(dir string, paths ...*string) {
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}

const unixPrefix = "unix:"

// socket gives the path of a Unix socket address.
func (l Listener) socket() (path string, is bool) { return strings.CutPrefix(l.Address, unixPrefix) }

// rule is one thing that must hold of a configuration.
type rule struct {
	holds bool
	text  string
}

func first(rules []rule) error {
	for _, r := range rules {
		if !r.holds {
			return fmt.Errorf("%w: %s", ErrConfig, r.text)
		}
	}
	return nil
}

// falseAcceptance is 1/2^-11, what RGS RecomTauxFausseAcceptation asks of a code
// that is guessed at.
const falseAcceptance = 2048

// Check refuses what would be unsafe or cannot work. What Parts bring is not looked at.
func (c Config) Check() error {
	return first(append([]rule{
		{1 <= len(c.Name) && len(c.Name) <= 64, "name: want 1 to 64 characters"},
		{c.Node != "", "node: must be named"},
		{c.Profile == reference.Default || c.Profile == reference.Literal, `profile: want "default" or "st-2.6.1"`},
		{c.Listeners.Operations.local(), "listeners.operations.address: want unix:PATH or a loopback address"},
		{c.Token.PINDigits >= reference.MinPINDigits && c.Token.PINDigits <= reference.MaxPINDigits, "token.pin_digits: want 4 to 12"},
		{c.Code.Digits >= reference.MinCodeDigits && c.Code.Digits <= reference.MaxCodeDigits, "registration_code.digits: want 2 to 11"},
		{c.Code.Failures >= 1 && c.Code.Failures <= pow10(c.Code.Digits)/falseAcceptance,
			"registration_code.failures: want 1 to 10^digits/2048, or a guess succeeds too often"},
		{c.Code.Validity > 0, "registration_code.validity: must be more than zero"},
		{c.KDF.Iterations >= 1, "kdf.iterations: must be at least 1"},
		{c.Limits.BankBody > 0 && c.Limits.SourceRate > 0 && c.Limits.SourceBurst > 0 && c.Limits.Queue > 0 &&
			c.Limits.V1Rate > 0 && c.Limits.V1Burst > 0 && c.Limits.Patience > 0, "limits: must be more than zero"},
		{c.HSM.Patience >= 0, "hsm.patience: cannot be negative"},
		{versions(c.MPP.Versions), "mpp.versions: want 1, 2 or both, each once"},
		{!slices.Contains(c.MPP.Versions, 1) || enroll.CheckGuessing(c.Code.Digits, c.guessing()) == nil,
			"mpp.versions: with 1, no code could ever be issued: limits.v1_burst and limits.v1_rate × registration_code.v1_validity admit more than 10^digits/2048 guesses"},
		{c.Activation.Tries >= 1 && c.Activation.Tries <= maxTries, "activation.tries: want 1 to 5"},
		{c.Activation.Validity > 0 && c.Activation.Validity <= maxTicket, "activation.validity: want up to 2160h"},
		{!c.Activation.Required || !slices.Contains(c.MPP.Versions, 1), "activation.required: MPP v1 has no ticket to activate with; leave 1 out of mpp.versions"},
		{!c.Activation.Required || c.Profile != reference.Literal, "activation.required: the profile st-2.6.1 stores what seed 000 §6.2 lists, and no tickets"},
		{!c.Activation.Required || makesOTPs(c.Token.Suite), "activation.required: a token of token.suite makes no OTP to be activated by"},
	}, c.Store.rules()...))
}

// Limits of activation, which a configuration can lower.
const (
	maxTries  = 5
	maxTicket = 90 * 24 * time.Hour
)

// makesOTPs holds for suites of HOTP and TOTP, and for names that are none, which enrolment
// refuses.
func makesOTPs(name string) bool {
	suite, err := oath.ParseSuite(name)
	return err != nil || suite.Kind != oath.KindOCRA
}

// versions holds for those that there are, each once.
func versions(of []int) bool {
	return slices.Equal(of, []int{1}) || slices.Equal(of, []int{2}) || slices.Equal(of, []int{1, 2})
}

// guessing is the limit on guesses at codes of MPP v1.
func (c Config) guessing() enroll.Guessing {
	return enroll.Guessing{Rate: c.Limits.V1Rate, Burst: c.Limits.V1Burst, Validity: c.Code.V1Validity}
}

func (c AuthServerConfig) check() error {
	return first(append([]rule{
		{c.Name != "", "name: must be set"},
		{c.Patience > 0, "patience: must be more than zero"},
		{c.HSM.Patience >= 0, "hsm.patience: cannot be negative"},
		{c.Listeners.Operations.Address == "" || c.Listeners.Operations.local(), "listeners.operations.address: want unix:PATH or a loopback address"},
	}, c.Store.rules()...))
}

func (s Store) rules() []rule {
	return []rule{
		{s.Engine == "sqlite" || s.Engine == "mariadb", `store.engine: want "sqlite" or "mariadb"`},
		{s.Engine != "sqlite" || s.Path != "", "store.path: must be set"},
		{s.Engine != "mariadb" || s.DSN != "", "store.dsn: must be set"},
	}
}

// local holds for a socket and for addresses that only this host reaches.
func (l Listener) local() bool {
	if _, is := l.socket(); is {
		return true
	}
	host, _, err := net.SplitHostPort(l.Address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func pow10(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}
