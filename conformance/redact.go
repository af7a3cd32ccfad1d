package conformance

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
)

// Public is text that a report may show as it is: a vector, a state, an error code.
// Any other value in a failed assertion is shown by its kind and length only, as it
// could be a PIN: Expect(Public(state)).To(Equal(Public("revoked"))).
type Public string

const longestFailure = 400 // characters of a failed assertion that a report keeps

var (
	word     = regexp.MustCompile(`^[a-z][a-z -]{0,39}$`)
	digits   = regexp.MustCompile(`^[0-9]+$`)
	typeName = regexp.MustCompile(`<[^<>\n]*>: ?`)
	spaces   = regexp.MustCompile(`\s+`)
)

// withoutSecrets is gomega's formatter while specs run: numbers, booleans and plain words
// are shown, everything else by kind and length.
func withoutSecrets(v any) (string, bool) {
	if p, ok := v.(Public); ok {
		return strconv.Quote(string(p)), true
	}
	if _, ok := v.(error); ok {
		return "", true // gomega has printed its text already
	}
	switch value := reflect.ValueOf(v); value.Kind() {
	case reflect.String:
		return describe(value.String()), true
	case reflect.Slice, reflect.Array:
		return list(value), true
	case reflect.Struct, reflect.Pointer, reflect.Map, reflect.Func, reflect.Chan, reflect.Interface:
		return fmt.Sprintf("a %T", v), true
	}
	return "", false
}

func describe(s string) string {
	switch {
	case word.MatchString(s):
		return strconv.Quote(s)
	case digits.MatchString(s):
		return fmt.Sprintf("%d digits", len(s))
	}
	return fmt.Sprintf("%d characters", len(s))
}

func list(v reflect.Value) string {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return fmt.Sprintf("%d bytes", v.Len())
	}
	return fmt.Sprintf("%d of %s", v.Len(), v.Type().Elem())
}

// oneLine makes gomega's paragraphs fit a table: no line breaks, no Go types, not too long.
func oneLine(s string) string {
	s = strings.TrimSpace(spaces.ReplaceAllString(typeName.ReplaceAllString(s, ""), " "))
	if runes := []rune(s); len(runes) > longestFailure {
		s = string(runes[:longestFailure]) + "…"
	}
	return s
}
