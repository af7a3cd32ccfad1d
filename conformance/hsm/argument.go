package hsm

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// kind is a kind of argument: what stands for it in a usage, what it is in words, and which
// words are of it.
type kind struct {
	name, is string
	takes    func(word string) bool
}

var (
	mechanism  = kind{"MECHANISM", "a mechanism by its name of PKCS#11, as CKM_AES_CBC, or by its number, as 0x80000170", nameOrNumber(cryptoki.MechanismNamed)}
	mechanisms = kind{"MECHANISM,…", "mechanisms with commas between them, each by its name or its number", each(mechanism)}
	attribute  = kind{"ATTRIBUTE", "an attribute by its name of PKCS#11, as CKA_SENSITIVE, or by its number", nameOrNumber(cryptoki.AttributeNamed)}
	usage      = kind{"USAGE", "the attribute of a usage, as CKA_WRAP or CKA_DECRYPT", isUsage}
	settings   = kind{"ATTRIBUTE=0|1,…", "attributes and their values, as CKA_WRAP=1,CKA_DECRYPT=1", each(kind{takes: isSetting})}
	many       = kind{"N", "a number from 1 to 65535", between(1, 65535)}
	number     = kind{"NUMBER", "a number of 32 bits, as 0x80000001", nameOrNumber(noNames)}
)

// Arguments says in words what the kinds of arguments are, each with its name in a usage.
func Arguments() [][2]string {
	var out [][2]string
	for _, k := range []kind{mechanism, mechanisms, attribute, settings, usage, many, number} {
		out = append(out, [2]string{k.name, k.is})
	}
	return out
}

// oneOf is one of a few words.
func oneOf(words ...string) kind {
	return kind{strings.Join(words, "|"), strings.Join(words, " or "), func(word string) bool { return slices.Contains(words, word) }}
}

// numberOr is the length of an RSA key, or one of a few words.
func numberOr(name string, words ...string) kind {
	k := oneOf(words...)
	bits := between(512, 16384)
	return kind{k.name + "|" + name, k.is + ", or a number from 512 to 16384", func(word string) bool { return k.takes(word) || bits(word) }}
}

func nameOrNumber(names func(string) (uint, bool)) func(string) bool {
	return func(word string) bool {
		_, known := names(word)
		_, err := strconv.ParseUint(word, 0, 32)
		return known || err == nil
	}
}

func isUsage(word string) bool {
	typ, known := cryptoki.AttributeNamed(word)
	return known && slices.Contains(allUsages, typ)
}

func isSetting(word string) bool {
	name, value, _ := strings.Cut(word, "=")
	return attribute.takes(name) && (value == "0" || value == "1")
}

func between(low, high int) func(string) bool {
	return func(word string) bool {
		n, err := strconv.Atoi(word)
		return err == nil && low <= n && n <= high
	}
}

func each(k kind) func(string) bool {
	return func(word string) bool {
		return !slices.ContainsFunc(strings.Split(word, ","), func(part string) bool { return !k.takes(part) })
	}
}

// ErrNoProbe: what was asked for is none, or its arguments are not what it takes.
var ErrNoProbe = errors.New("no probe")

// Check says what is wrong with the words of a probe, as ErrNoProbe: its name, how many
// arguments follow, or what one of them is.
func Check(spec string) error {
	words := strings.Fields(spec)
	if len(words) == 0 {
		return fmt.Errorf("%w is named", ErrNoProbe)
	}
	p, known := find(words[0])
	if !known {
		return fmt.Errorf("%w is called %.60q", ErrNoProbe, words[0])
	}
	args := words[1:]
	if len(args) != len(p.args) {
		return fmt.Errorf("%w %.200q: %d words follow its name, and should be as in: %s", ErrNoProbe, spec, len(args), p.usage())
	}
	for i, k := range p.args {
		if !k.takes(args[i]) {
			return fmt.Errorf("%w %.200q: %.60q should be %s, as in: %s", ErrNoProbe, spec, args[i], k.is, p.usage())
		}
	}
	return nil
}
