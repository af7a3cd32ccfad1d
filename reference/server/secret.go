package server

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/go-sql-driver/mysql"

	"github.com/epsbench/epsbench/reference"
)

// errSecret: a secret has no source, or its source is empty.
var errSecret = errors.New("no secret")

// secret reads a secret from the first line of a file or from an environment variable.
func secret(what, file, variable string) (reference.Secret, error) {
	switch {
	case file != "" && variable != "":
		return reference.Secret{}, fmt.Errorf("%w: %s: name a file or a variable, not both", ErrConfig, what)
	case file != "":
		data, err := os.ReadFile(file)
		if err != nil {
			return reference.Secret{}, fmt.Errorf("%s: %w", what, err)
		}
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		clear(rest)
		return filled(what, file, bytes.TrimSuffix(line, []byte{'\r'}))
	case variable != "":
		return filled(what, "variable "+variable, []byte(os.Getenv(variable)))
	}
	return reference.Secret{}, fmt.Errorf("%w: %s: name a file or an environment variable that holds it", ErrConfig, what)
}

func filled(what, source string, value []byte) (reference.Secret, error) {
	if len(value) == 0 {
		return reference.Secret{}, &reference.Hint{Err: fmt.Errorf("%s: %s is empty: %w", what, source, errSecret), Text: "set the variable, or write the secret into the file, before the start"}
	}
	return reference.NewSecret(value), nil
}

// dsn gives the DSN with its password, which the file must not hold.
func (s Store) dsn() (string, error) {
	c, err := mysql.ParseDSN(s.DSN)
	if err != nil {
		return "", fmt.Errorf("%w: store.dsn: not a DSN", ErrConfig) // the driver's error quotes it
	}
	if c.Passwd != "" {
		return "", &reference.Hint{
			Err:  fmt.Errorf("%w: store.dsn: holds a password", ErrConfig),
			Text: "put it into a file and name that in store.password_file, or a variable in store.password_env",
		}
	}
	if s.PasswordFile == "" && s.PasswordEnv == "" {
		return s.DSN, nil
	}
	password, err := secret("store password", s.PasswordFile, s.PasswordEnv)
	if err != nil {
		return "", err
	}
	c.Passwd = string(password.Bytes())
	return c.FormatDSN(), nil
}
