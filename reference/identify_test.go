package reference_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
)

// The counts of seed 004's rules, step and cash machine together.
func TestWeakPINsAreAsManyAsTheRulesSay(t *testing.T) {
	for digits, want := range map[int]int{4: 52, 5: 44, 6: 38} {
		n, count := 1, 0
		for range digits {
			n *= 10
		}
		for pin := range n {
			if reference.WeakPIN(fmt.Appendf(nil, "%0*d", digits, pin)) {
				count++
			}
		}
		if count != want || reference.WeakPINs(digits) != want {
			t.Errorf("%d digits: counted %d, WeakPINs says %d, want %d", digits, count, reference.WeakPINs(digits), want)
		}
	}
}

func TestTheExamplesOfSeed004(t *testing.T) {
	for pin, weak := range map[string]bool{
		"123456": true, "111111": true, "678901": false, "02468": true, "876543": true, "123467": false, "415263": false,
		"000005": true, "200000": true, "007000": false, "12345": true, "00003": true, "2000": true,
	} {
		if reference.WeakPIN([]byte(pin)) != weak {
			t.Errorf("%s: want %v", pin, weak)
		}
	}
}

func TestCrockford(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "\x00": "00", "\xff": "ZW", "\x00\x00\x00\x00\x00": "00000000", "\xff\xff\xff\xff\xff": "ZZZZZZZZ", "\x08\x42\x10\x84\x21": "11111111",
	} {
		if have := reference.Crockford([]byte(in)); have != want {
			t.Errorf("%x: have %s, want %s", in, have, want)
		}
	}
	if id := reference.TokenID(reference.Crockford(make([]byte, 16))); id.Check() != nil {
		t.Errorf("16 bytes give %q, which is no token id", id)
	}
}

func TestNames(t *testing.T) {
	good := []interface{ Check() error }{
		reference.Service("a"), reference.Service("bank-1.example"), reference.User("ada"), reference.User("Ada Lovelace"),
		reference.User("é"), reference.User(strings.Repeat("u", 128)), reference.TokenID("0123456789ABCDEFGHJKMNPQRS"),
	}
	for _, n := range good {
		if err := n.Check(); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	bad := []interface{ Check() error }{
		reference.Service(""), reference.Service("A"), reference.Service("a_b"), reference.Service("a b"), reference.Service(strings.Repeat("s", 65)),
		reference.User(""), reference.User(" a"), reference.User("a\t"), reference.User("a\x00b"), reference.User("\xff"), reference.User("a\u202eb"),
		reference.TokenID(""), reference.TokenID("0123456789abcdefghjkmnpqrs"), reference.TokenID("0123456789ABCDEFGHJKMNPQRU"), reference.TokenID("0123456789ABCDEFGHJKMNPQRST"),
	}
	for _, n := range bad {
		if err := n.Check(); !errors.Is(err, reference.ErrInvalid) {
			t.Errorf("%q: %v", n, err)
		}
	}
}

func FuzzSplitCode(f *testing.F) {
	for _, rc := range []string{"0123ABCD-12345678901", "0123ABCD-12", "0123ABCD-1", "0123ABCD", "-", "ABCDEFGH-1234-5"} {
		f.Add([]byte(rc))
	}
	f.Fuzz(func(t *testing.T, rc []byte) {
		locator, digits, err := reference.SplitCode(rc)
		if err == nil && string(reference.JoinCode(locator, digits).Bytes()) != string(rc) {
			t.Errorf("%q comes back as %s and %d digits", rc, locator, len(digits))
		}
	})
}

// TestTheBindingCoversTheRow changes one field after the other. Those that are not
// covered change in a row's life, or are told to the phone and bind nothing.
func TestTheBindingCoversTheRow(t *testing.T) {
	free := map[string]bool{
		"State": true, "AuthServer": true, "PINDigits": true, "Counter": true, "TRKVersion": true,
		"RowVersion": true, "Sealed": true, "Created": true, "Updated": true,
	}
	bind := func(k reference.Token) [32]byte {
		b, err := k.Binding()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	zero := bind(reference.Token{})
	typ := reflect.TypeFor[reference.Token]()
	for i := range typ.NumField() {
		var k reference.Token
		switch f := reflect.ValueOf(&k).Elem().Field(i); f.Kind() {
		case reflect.String:
			f.SetString("x")
		case reflect.Slice:
			f.SetBytes([]byte{1})
		case reflect.Struct: // times
			continue
		case reflect.Int:
			f.SetInt(1)
		default:
			f.SetUint(1)
		}
		if covered := bind(k) != zero; covered == free[typ.Field(i).Name] {
			t.Errorf("%s: covered %v", typ.Field(i).Name, covered)
		}
	}
}

func TestCodesOfDifferentPlacesHaveDifferentIndexes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type place struct{ service, locator, code string }
		draw := func(name string) place {
			return rapid.Custom(func(t *rapid.T) place {
				return place{
					rapid.StringMatching(`[a-b]{1,3}`).Draw(t, "service"),
					rapid.StringMatching(`[0-1]{8}`).Draw(t, "locator"), rapid.StringMatching(`[0-1]{2,4}`).Draw(t, "code"),
				}
			}).Draw(t, name)
		}
		index := func(p place) string {
			b, err := reference.CodeIndex(reference.Service(p.service), p.locator, []byte(p.code))
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		a, b := draw("a"), draw("b")
		if (index(a) == index(b)) != (a == b) {
			t.Fatalf("%v and %v", a, b)
		}
	})
}

func TestEveryEventHasARecord(t *testing.T) {
	for _, e := range []reference.Event{
		reference.Registered, reference.Abandoned, reference.Delivered, reference.Suspend, reference.Resume, reference.Revoke, reference.Reissue,
	} {
		if e.Record() == "" {
			t.Errorf("%s has no record", e)
		}
	}
}

func TestNothingLeavesTheEnds(t *testing.T) {
	for _, end := range []reference.State{reference.Revoked, reference.Cancelled} {
		for _, e := range []reference.Event{
			reference.Registered, reference.Abandoned, reference.Delivered, reference.Suspend, reference.Resume, reference.Revoke, reference.Reissue,
		} {
			if to, err := end.Next(e); !errors.Is(err, reference.ErrConflict) {
				t.Errorf("%s leads from %s to %s", e, end, to)
			}
		}
	}
}
