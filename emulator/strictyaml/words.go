package strictyaml

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// inOurWords brings an error of the decoder into one line: "line 3: …". Only words that are
// known to hold no value come from the decoder itself.
func inOurWords(err error, text []byte, into any) error {
	if errors.Is(err, io.EOF) {
		return ErrEmpty
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return errors.New(noYAML(err, text))
	}
	var typed *yaml.TypeError
	if !errors.As(err, &typed) {
		return errors.New(at(unreadable(&doc), noValue))
	}
	var lines []string
	for _, line := range typed.Errors {
		lines = append(lines, reword(line, &doc, reflect.TypeOf(into)))
	}
	return errors.New(strings.Join(lines, "; "))
}

// What is said where the decoder's words could hold a value.
const (
	noValue = "a value that cannot be read: what begins with ! or * wants quotes"
	noAlias = "an alias of nothing: what begins with * wants quotes"
)

func at(line int, words string) string {
	if line == 0 {
		return words
	}
	return fmt.Sprintf("line %d: %s", line, words)
}

// What the decoder says of a text that is no YAML. Behind these beginnings it has words of
// its own alone.
var (
	syntax       = regexp.MustCompile(`^yaml: ((?:line \d+: )?(?:did not find|could not find|found|mapping (?:keys|values)|block sequence|control|exceeded|unexpected|incomplete|invalid) .*)$`)
	unknownAlias = regexp.MustCompile(`(?s)^yaml: unknown anchor '(.*)' referenced$`)
)

// noYAML says why a text has no form at all.
func noYAML(err error, text []byte) string {
	if m := syntax.FindStringSubmatch(err.Error()); m != nil {
		return m[1]
	}
	if m := unknownAlias.FindStringSubmatch(err.Error()); m != nil {
		before, _, _ := strings.Cut(string(text), "*"+m[1])
		return at(1+strings.Count(before, "\n"), noAlias)
	}
	return "is no YAML"
}

// What the decoder says of a form that is another. Values stand before the last "into", keys
// before the last "not found".
var (
	unknownKey = regexp.MustCompile(`(?s)^line (\d+): field (.*) not found in type (.*)$`)
	twice      = regexp.MustCompile(`(?s)^line (\d+): mapping key .* already defined at line (\d+)$`)
	wrongValue = regexp.MustCompile("(?s)^line (\\d+): cannot unmarshal (?:!!(\\w+)(?: `.*`)?|.*) into (.*)$")
	anyLine    = regexp.MustCompile(`^line (\d+): `)
)

func reword(line string, doc *yaml.Node, t reflect.Type) string {
	if m := unknownKey.FindStringSubmatch(line); m != nil {
		return at(number(m[1]), strange(m[2], doc, number(m[1]), keys(typesOf(t)[m[3]])))
	}
	if m := twice.FindStringSubmatch(line); m != nil {
		return fmt.Sprintf("line %s: a key already defined at line %s", m[1], m[2])
	}
	if m := wrongValue.FindStringSubmatch(line); m != nil {
		found, w := words[m[2]], wrong{line: number(m[1]), typ: m[3], tag: "!!" + m[2]}
		if found == "" {
			found = "value with a tag (!…)"
		}
		return at(w.line, fmt.Sprintf("%sa %s in the place of %s", w.key(doc, t), found, wanted(typesOf(t)[m[3]], m[3])))
	}
	if m := anyLine.FindStringSubmatch(line); m != nil {
		return at(number(m[1]), noValue)
	}
	return noValue
}

// number reads digits that an expression has found.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// strange is about a key that is not known here. A key that has no value may be one itself, as
// in {1234}, and is not repeated.
func strange(key string, doc *yaml.Node, line int, known []string) string {
	if bare(doc, key, line) {
		return "a key that is not known here, and has no value" + oneOf(known)
	}
	return fmt.Sprintf("no key %.60q here%s", key, Meant(key, known))
}

func oneOf(known []string) string {
	if len(known) == 0 {
		return ""
	}
	return ": one of " + strings.Join(known, ", ")
}

// words are the tags of YAML.
var words = map[string]string{
	"str": "text", "int": "number", "float": "fraction", "bool": "boolean", "seq": "list", "map": "group of keys",
	"timestamp": "date", "binary": "binary value", "null": "null", "merge": "merge",
}
