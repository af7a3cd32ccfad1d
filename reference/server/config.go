package server

import (
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/hsm"
)

// Config is the configuration file of an EPS (eps.yaml). Paths are relative to the
// file. A field left out keeps the value of Default.
type Config struct {
	Name string `yaml:"name"` // what phones know the EPS by, 1 to 64 characters
	Node string `yaml:"node"` // names this process in the audit
	// Profile is that of the keys: "default", or "st-2.6.1" for judging and migration.
	Profile    reference.Profile `yaml:"profile"`
	HSM        HSM               `yaml:"hsm"`
	Store      Store             `yaml:"store"`
	Audit      Audit             `yaml:"audit"`
	Listeners  Listeners         `yaml:"listeners"`
	Roles      string            `yaml:"roles"` // certificate → role table
	AuthServer Peer              `yaml:"authserver"`
	Token      Token             `yaml:"token"`
	Code       Code              `yaml:"registration_code"`
	MPP        MPP               `yaml:"mpp"`
	Activation Activation        `yaml:"activation"`
	KDF        KDF               `yaml:"kdf"`
	Limits     Limits            `yaml:"limits"`
}

// Role is what the EPS asks of its HSM.
func (c Config) Role() hsm.Role {
	if c.Profile == reference.Literal {
		return hsm.LiteralEPS
	}
	return hsm.EPS
}

// HSM says where the keys are. The PIN comes from a file or an environment variable.
type HSM struct {
	Module   string `yaml:"module"`   // path of a PKCS#11 library, or the name of a built-in one
	Label    string `yaml:"label"`    // token label; "" with no slot: the only initialised token
	Slot     *uint  `yaml:"slot"`     // instead of a label
	PINFile  string `yaml:"pin_file"` // first line
	PINEnv   string `yaml:"pin_env"`
	Sessions int    `yaml:"sessions"` // 0: 2 for each CPU
	// Patience is for one call to the token, of which a request makes several; 0: 5 s.
	Patience time.Duration `yaml:"patience"`

	dir string // of the file, for built-in modules
}

// Store says which database. A password is never a part of dsn.
type Store struct {
	Engine       string `yaml:"engine"` // "sqlite" or "mariadb"
	Path         string `yaml:"path"`   // sqlite
	DSN          string `yaml:"dsn"`    // mariadb, as go-sql-driver/mysql reads it
	PasswordFile string `yaml:"password_file"`
	PasswordEnv  string `yaml:"password_env"`
}

// Audit says where the head of the chain is kept outside the database.
type Audit struct {
	Anchor string `yaml:"anchor"`
}

// Listeners are the three ways in; nothing answers on the wrong one.
type Listeners struct {
	Bank       Listener `yaml:"bank"`
	Public     Listener `yaml:"public"`
	Operations Listener `yaml:"operations"`
}

// Listener is an address, "host:port" or "unix:PATH" (operations only), and the
// PEM files of its TLS side.
type Listener struct {
	Address     string `yaml:"address"`
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	Clients     string `yaml:"clients"` // authority of client certificates
}

// Peer is the authentication server that the EPS hands tokens to.
type Peer struct {
	Name        string        `yaml:"name"` // as in its pairing
	URL         string        `yaml:"url"`
	CA          string        `yaml:"ca"`
	Certificate string        `yaml:"certificate"`
	Key         string        `yaml:"key"`
	Timeout     time.Duration `yaml:"timeout"`
}

// Token is what an enrolment gets that does not ask for something else.
type Token struct {
	Suite     string `yaml:"suite"`
	PINDigits int    `yaml:"pin_digits"`
}

// Code is the shape and life of registration codes.
type Code struct {
	Digits   int           `yaml:"digits"`
	Validity time.Duration `yaml:"validity"`
	Failures int           `yaml:"failures"` // that kill it

	V1Validity time.Duration `yaml:"v1_validity"` // of one for MPP v1
}

// MPP says which versions of the provisioning protocol are on: 2, or 1, the literal
// protocol of seed 000 §6.3 (mpp/PROTOCOL-1.md), or both.
type MPP struct {
	Versions []int `yaml:"versions"`
}

// Activation says whether a token has to be proven by an OTP before the authentication
// server accepts any other (PROTOCOL.md §8). Off, it has no route.
type Activation struct {
	Required bool          `yaml:"required"`
	Tries    int           `yaml:"tries"`    // that a ticket bears
	Validity time.Duration `yaml:"validity"` // of a ticket, from the delivery on
}

// KDF is the work of turning a PIN into a KEK (PBKDF2-HMAC-SHA-256).
type KDF struct {
	Iterations int `yaml:"iterations"`
}

// Limits bound what callers can use up.
type Limits struct {
	BankBody    int64         `yaml:"bank_body"`    // bytes
	SourceRate  float64       `yaml:"source_rate"`  // failed provisionings a second and address
	SourceBurst int           `yaml:"source_burst"` // of them at once
	Queue       int           `yaml:"queue"`        // provisionings under way or waiting
	V1Rate      float64       `yaml:"v1_rate"`      // failed provisionings of MPP v1 a second, from all addresses
	V1Burst     int           `yaml:"v1_burst"`     // of them at once
	Patience    time.Duration `yaml:"patience"`     // of a call with the HSM, the store and the authentication server
	Shutdown    time.Duration `yaml:"shutdown"`     // for calls under way when the process ends
}

// Default is a configuration of default values, complete but for the HSM.
func Default() Config {
	return Config{
		Name: "eps", Node: "eps-1", Profile: reference.Default,
		Store: Store{Engine: "sqlite", Path: "eps.db"},
		Audit: Audit{Anchor: "audit.anchor"},
		Listeners: Listeners{
			Bank:       tlsOn("127.0.0.1:8443", "eps", true),
			Public:     tlsOn("127.0.0.1:9443", "eps", false),
			Operations: Listener{Address: "unix:operations.sock"},
		},
		Roles: "pki/roles.yaml",
		AuthServer: Peer{
			Name: "authserver", URL: "https://127.0.0.1:7443", CA: "pki/ca.pem",
			Certificate: "pki/eps-plugin.pem", Key: "pki/eps-plugin.key", Timeout: 5 * time.Second,
		},
		Token: Token{Suite: "HOTP-SHA256-6", PINDigits: 6},
		Code:  Code{Digits: 11, Validity: 24 * time.Hour, Failures: 5, V1Validity: 24 * time.Hour},
		MPP:   MPP{Versions: []int{2}},

		Activation: Activation{Tries: 5, Validity: 24 * time.Hour},

		KDF: KDF{Iterations: 100_000},
		Limits: Limits{
			BankBody: 64 << 10, SourceRate: 10, SourceBurst: 50, Queue: 1024, V1Rate: 1, V1Burst: 64,
			Patience: defaultPatience, Shutdown: 10 * time.Second,
		},
	}
}

// defaultPatience is how long a call waits for the parts that it needs.
const defaultPatience = 10 * time.Second

// AuthServerConfig is the configuration file of an authentication server
// (authserver.yaml), with the same rules.
type AuthServerConfig struct {
	Name       string              `yaml:"name"` // of the pairing
	HSM        HSM                 `yaml:"hsm"`
	Store      Store               `yaml:"store"`
	Listeners  AuthServerListeners `yaml:"listeners"`
	Roles      string              `yaml:"roles"`
	Validation authserver.Config   `yaml:"validation"`
	Patience   time.Duration       `yaml:"patience"` // of a call with the HSM and the store
	Shutdown   time.Duration       `yaml:"shutdown"` // for calls under way when the process ends
}

// AuthServerListeners: the EPS speaks to plugin, banks to auth, operators of this
// machine to operations, which an empty address leaves out.
type AuthServerListeners struct {
	Plugin     Listener `yaml:"plugin"`
	Auth       Listener `yaml:"auth"`
	Operations Listener `yaml:"operations"`
}

// DefaultAuthServer is complete but for the HSM.
func DefaultAuthServer() AuthServerConfig {
	return AuthServerConfig{
		Name:  "authserver",
		Store: Store{Engine: "sqlite", Path: "authserver.db"},
		Listeners: AuthServerListeners{
			Plugin: tlsOn("127.0.0.1:7443", "authserver", true),
			Auth:   tlsOn("127.0.0.1:6443", "authserver", true),
		},
		Roles:    "pki/roles.yaml",
		Patience: defaultPatience,
		Shutdown: 10 * time.Second,
	}
}

func tlsOn(address, name string, clients bool) Listener {
	l := Listener{Address: address, Certificate: "pki/" + name + ".pem", Key: "pki/" + name + ".key"}
	if clients {
		l.Clients = "pki/ca.pem"
	}
	return l
}
