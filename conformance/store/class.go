package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// class is what the values of a column are.
type class struct {
	kind   string                       // for the report: "counter", "wrapped key", …
	fits   func(v []byte) string        // what is wrong with one value; empty when nothing
	spread func(values [][]byte) string // what is wrong with all of them together
}

// wrong names what contradicts the class. Values never get into it.
func (c class) wrong(values [][]byte) string {
	for _, v := range values {
		if why := c.fits(v); why != "" {
			return fmt.Sprintf("a value of %d bytes %s", len(v), why)
		}
	}
	if c.spread == nil {
		return ""
	}
	return c.spread(values)
}

// one is text of a pattern that leaves no room for a secret.
func one(pattern string) class { return text("state", pattern) }

func text(kind, pattern string) class {
	whole := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return class{kind: kind, fits: func(v []byte) string {
		if !whole.Match(v) {
			return "is no " + kind + " that is expected here"
		}
		return ""
	}}
}

var (
	tokenID         = text("identifier", `[0-9A-HJKMNP-TV-Z]{26}`)
	optionalTokenID = text("identifier", `([0-9A-HJKMNP-TV-Z]{26})?`)
	service         = text("identifier", `[a-z0-9.-]{1,64}`)
	otpSuite        = text("state", `((HOTP|TOTP)-SHA(1|256|512)-[6-8](-\d{1,4})?|OCRA-1:HOTP-SHA(1|256|512)-\d:[A-Z0-9-]{4,40})?`)
	messageKey      = text("identifier", `[0-9A-HJKMNP-TV-Z]{26}-(\d{10}-[a-z]{1,16}|activate-[0-9a-f]{24})`)
	userName        = text("identifier", `[a-z]*(-[a-z0-9]{1,16})*`)
	count           = number("counter", 0, 1<<40)
	instant         = number("time", microseconds(2020), microseconds(2100))
)

func microseconds(year int) int64 { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() }

// number is a decimal number in bounds.
func number(kind string, least, most int64) class {
	return class{kind: kind, fits: func(v []byte) string {
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil || n < least || n > most {
			return "is no " + kind
		}
		return ""
	}}
}

func wrappedKey(lengths ...int) class { return random("wrapped key", lengths...) }
func sealed(lengths ...int) class     { return random("sealed hash", lengths...) }
func ciphertext(lengths ...int) class { return random("IV and ciphertext", lengths...) }
func salt(lengths ...int) class       { return random("salt", lengths...) }
func mac(lengths ...int) class        { return random("MAC", lengths...) }
func digest(lengths ...int) class     { return random("digest", lengths...) }
func previousMAC(length int) class    { return random("MAC", 0, length) } // 0: of the first

// keystoreFile is PKCS#12: a DER sequence of an RSA pair's size.
var keystoreFile = class{kind: "keystore", fits: func(v []byte) string {
	if len(v) < 1500 || len(v) > 8192 || v[0] != 0x30 {
		return "is no keystore"
	}
	return ""
}}

// none is a column that is not used.
var none = class{kind: "unused", fits: func(v []byte) string {
	if len(v) > 0 {
		return "where there should be none"
	}
	return ""
}}

// random is bytes of some lengths that look drawn: the output of a cipher, a MAC, a hash
// or a random generator.
func random(kind string, lengths ...int) class {
	return class{
		kind: kind,
		fits: func(v []byte) string {
			if !slices.Contains(lengths, len(v)) {
				return "has not the length of a " + kind
			}
			return ""
		},
		spread: uneven,
	}
}

// uneven judges bytes that should be uniform: no part of 8 bytes twice, and the chi-square
// of their nibbles (15 degrees of freedom) below 88, which uniform ones exceed once in
// 10^11 times. Below 64 bytes it judges only repetition.
func uneven(values [][]byte) string {
	seen := map[string]bool{}
	var nibbles [16]float64
	total := 0.0
	for _, v := range values {
		for chunk := range slices.Chunk(v, 8) {
			if len(chunk) == 8 && seen[string(chunk)] {
				return "repeat each other in parts"
			}
			seen[string(chunk)] = true
		}
		for _, b := range v {
			nibbles[b>>4]++
			nibbles[b&15]++
			total += 2
		}
	}
	if total < 128 {
		return ""
	}
	chi := 0.0
	for _, n := range nibbles {
		chi += (n - total/16) * (n - total/16) / (total / 16)
	}
	if chi > 88 {
		return fmt.Sprintf("are not uniform: chi-square %.0f", chi)
	}
	return ""
}

// details are the members that an audit record may have, and what they may hold.
var details = func() map[string]*regexp.Regexp {
	all := map[string]*regexp.Regexp{}
	for name, pattern := range map[string]string{
		"locator": `"[0-9A-HJKMNP-TV-Z]{8}"`, "suite": `"[A-Z0-9-]{1,24}"`, "user": `"[a-z]*(-[a-z0-9]{1,16})*"`,
		"mpp": `[12]`, "cause": `"[A-Za-z ]{1,40}"`, "source": `"[0-9a-f.:]{2,45}"`, "failures": `\d{1,4}`, "code": `"[a-z]{1,10}"`,
		"listener": `"[a-z]{1,12}"`, "method": `"[A-Za-z]{1,8}"`, "route": `"[/a-z0-9{}.-]{0,64}"`, "status": `\d{3}`,
		"traceid": `"[0-9A-Za-z-]{8,40}"`, "count": `\d{1,9}`, "second": `"[0-9T:Z-]{20}"`,
		"version": `"[0-9.]{1,12}"`, "store": `"[A-Za-z0-9 .:+~-]{1,80}"`, "hsm": `"[A-Za-z0-9 #().,+/_-]{1,80}"`, "token": `"[a-z-]{1,32}"`,
	} {
		all[name] = regexp.MustCompile(`^` + pattern + `$`)
	}
	return all
}()

// detail is a JSON object of known members.
var detail = class{kind: "audit detail", fits: func(v []byte) string {
	var object map[string]json.RawMessage
	if err := json.Unmarshal(v, &object); err != nil {
		return "is no JSON object"
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if rule := details[name]; rule == nil {
			return fmt.Sprintf("has a member that nobody expects, with a name of %d characters", len(name))
		} else if !rule.Match(bytes.TrimSpace(object[name])) {
			return "has a member " + name + " of another form"
		}
	}
	return ""
}}
