package hunt_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/conformance/hunt"
)

var (
	key = []byte("\x00\x9c key of 32 bytes, not text\xff\xfe\x80\x7f")
	pin = "739104628513"
)

// What programs make of a secret is found, wherever it stands in what is around it.
func TestFindsEncodings(t *testing.T) {
	h := hunt.For(hunt.Bytes("key", key), hunt.Digits("PIN", pin))
	for name, text := range map[string]string{
		"raw":              string(key),
		"half":             string(key[:16]),
		"hexadecimal":      hex.EncodeToString(key),
		"upper case":       strings.ToUpper(hex.EncodeToString(key)),
		"base64":           base64.StdEncoding.EncodeToString(key),
		"base64, shifted":  base64.StdEncoding.EncodeToString(append([]byte("x"), key...)),
		"base64url":        base64.RawURLEncoding.EncodeToString(append([]byte("xy"), key...)),
		"printed by Go":    fmt.Sprint(key),
		"PIN":              pin,
		"PIN in a number":  "1" + pin + "2",
		"PIN as UTF-16":    strings.Join(strings.Split(pin, ""), "\x00") + "\x00",
		"PIN in base64":    base64.StdEncoding.EncodeToString([]byte("pin=" + pin)),
		"PIN, hexadecimal": hex.EncodeToString([]byte(pin)),
	} {
		if !h.Found([]byte("what is before; " + text + "; what is behind")) {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestFindsNothingElse(t *testing.T) {
	h := hunt.For(append(hunt.Hashes("PIN", []byte(pin)), hunt.Bytes("key", key), hunt.Digits("PIN", pin))...)
	for name, text := range map[string]string{
		"nothing":        "",
		"a part":         string(key[:15]),
		"another PIN":    "739104628531",
		"another hash":   strings.Repeat("a94a8fe5", 8),
		"half of digits": pin[:6],
	} {
		if h.Found([]byte(text)) {
			t.Errorf("%s: found", name)
		}
	}
}

// A short text of digits counts only where it stands alone: 8 digits occur in others by chance.
func TestShortDigitsStandAlone(t *testing.T) {
	h := hunt.For(hunt.Digits("code", "73910462"))
	if !h.Found([]byte("code 73910462.")) || h.Found([]byte("at 1739104620 s")) {
		t.Error("a short text of digits is not told from a part of a longer number")
	}
}
