package wire

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
)

var key, digest = bytes.Repeat([]byte{7}, KeySize), make([]byte, sha256.Size)

func drawAsk(t *rapid.T) Ask {
	return Ask{
		Locator:       rapid.StringMatching(`[0-9A-HJKMNP-TV-Z]{8}`).Draw(t, "locator"),
		Code:          []byte(rapid.StringMatching(`[0-9]{2,11}`).Draw(t, "code")),
		LowestVersion: rapid.Uint8Range(0, 2).Draw(t, "lowest"),
		TopVersion:    rapid.Uint8Range(2, 255).Draw(t, "top"),
	}
}

func drawGrant(t *rapid.T) Grant {
	tok := rapid.SampledFrom([]int{20, 32, 64}).Draw(t, "TOK length")
	c := (tok + 15) / 16 * 16
	ticket := []byte{}
	if rapid.Bool().Draw(t, "activation") {
		ticket = make([]byte, ticketSize)
	}
	return Grant{
		EPS:     rapid.StringMatching(`[a-z]{1,64}`).Draw(t, "EPS"),
		Service: reference.Service(rapid.StringMatching(`[a-z0-9.-]{1,64}`).Draw(t, "service")),
		Token:   reference.TokenID(rapid.StringMatching(`[0-9A-HJKMNP-TV-Z]{26}`).Draw(t, "token")),
		W:       make([]byte, c+8), Direction: reference.Direction(rapid.IntRange(1, 2).Draw(t, "direction")),
		TOKLength: tok, CLength: c, Salt: make([]byte, SaltSize), KDF: KDFName,
		Iterations: rapid.IntRange(1, MaxIterations).Draw(t, "iterations"),
		Suite:      rapid.SampledFrom([]string{"HOTP-SHA256-6", "TOTP-SHA512-8-3600"}).Draw(t, "suite"),
		Counter:    rapid.Uint64().Draw(t, "counter"), Ticket: ticket, Time: rapid.Uint64().Draw(t, "time"),
		PINDigits: rapid.IntRange(4, 12).Draw(t, "PIN digits"),
	}
}

func TestARequestBoxOpensToWhatWasSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawAsk(t)
		box, err := a.Seal(key, digest)
		if err != nil || len(box) != RequestBox {
			t.Fatalf("%d bytes, %v", len(box), err)
		}
		b, err := OpenAsk(key, digest, box)
		if err != nil || b.Locator != a.Locator || !bytes.Equal(b.Code, a.Code) || b.LowestVersion != a.LowestVersion || b.TopVersion != a.TopVersion {
			t.Fatalf("%+v, %v", b, err)
		}
	})
}

func TestEveryGrantFillsTheSameBox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGrant(t)
		box, err := g.Seal(key, digest)
		if err != nil || len(box) != responseBox {
			t.Fatalf("%d bytes, %v", len(box), err)
		}
		h, err := OpenGrant(key, digest, box)
		if err != nil || h.Token != g.Token || h.Counter != g.Counter || h.Time != g.Time || !bytes.Equal(h.W, g.W) {
			t.Fatalf("%+v, %v", h, err)
		}
	})
}

func TestARequestBoxThatBreaksTheLayoutIsRefused(t *testing.T) {
	good := Ask{Locator: "0123ABCD", Code: []byte("123456"), LowestVersion: 2, TopVersion: 2}
	for name, change := range map[string]func(plain []byte){
		"locator in small letters": func(p []byte) { p[4] = 'a' },
		"locator with a U":         func(p []byte) { p[0] = 'U' },
		"one digit":                func(p []byte) { p[askCount] = 1; clear(p[askCode+1 : askLowest]) },
		"no digits":                func(p []byte) { p[askCount] = 0; clear(p[askCode:askLowest]) },
		"twelve digits":            func(p []byte) { p[askCount] = 12 },
		"255 digits":               func(p []byte) { p[askCount] = 255 },
		"fewer digits than given":  func(p []byte) { p[askCount] = 5 },
		"a letter among digits":    func(p []byte) { p[askCode] = 'x' },
		"padding after the code":   func(p []byte) { p[askLowest-1] = 1 },
		"padding at the end":       func(p []byte) { p[askSize-1] = 1 },
		"only version 1":           func(p []byte) { p[askLowest], p[askTop] = 1, 1 },
		"only version 3":           func(p []byte) { p[askLowest], p[askTop] = 3, 3 },
	} {
		t.Run(name, func(t *testing.T) {
			plain, err := good.layout()
			if err != nil {
				t.Fatal(err)
			}
			change(plain)
			box, err := seal(key, digest, plain)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := OpenAsk(key, digest, box); !errors.Is(err, ErrFormat) {
				t.Errorf("have %v", err)
			}
		})
	}
}

func TestEveryFieldOfAGrantIsChecked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for name, change := range map[string]func(*Grant){
			"no EPS name": func(g *Grant) { g.EPS = "" }, "service": func(g *Grant) { g.Service = "A" },
			"token": func(g *Grant) { g.Token = "short" }, "W": func(g *Grant) { g.W = g.W[1:] },
			"direction": func(g *Grant) { g.Direction = 3 }, "TOK length": func(g *Grant) { g.TOKLength = 33 },
			"C length": func(g *Grant) { g.CLength += 16 }, "salt": func(g *Grant) { g.Salt = nil },
			"no KDF": func(g *Grant) { g.KDF = "" }, "no iterations": func(g *Grant) { g.Iterations = 0 },
			"suite": func(g *Grant) { g.Suite = "HOTP" }, "ticket": func(g *Grant) { g.Ticket = []byte{1} },
			"PIN digits": func(g *Grant) { g.PINDigits = 3 },
		} {
			g := drawGrant(t)
			change(&g)
			if _, err := g.Seal(key, digest); !errors.Is(err, ErrFormat) {
				t.Errorf("%s: have %v", name, err)
			}
		}
	})
}

func TestAnyFlippedBitClosesABox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		box, err := drawGrant(t).Seal(key, digest)
		if err != nil {
			t.Fatal(err)
		}
		box[rapid.IntRange(0, len(box)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := OpenGrant(key, digest, box); err == nil {
			t.Fatal("it opens")
		}
	})
}

func TestAnEphemeralKeyComesFromTheGivenSource(t *testing.T) {
	above := bytes.Repeat([]byte{0xff}, KeySize) // not below the order of the group
	k, err := Ephemeral(bytes.NewReader(append(above, key...)))
	if err != nil || !bytes.Equal(k.Bytes(), key) {
		t.Errorf("%v", err)
	}
	if _, err := Ephemeral(bytes.NewReader(nil)); err == nil {
		t.Error("a key from nothing")
	}
	if _, err := Ephemeral(bytes.NewReader(bytes.Repeat(above, 100))); err == nil {
		t.Error("a key from a source that is stuck")
	}
}
