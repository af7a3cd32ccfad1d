package oracle_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/crypto/pbkdf2"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/conformance/oracle"
)

// inner is a token made for a PIN, with its TOK computed here by other means. The same
// seed gives the same token, so that counting tests give the same counts.
func inner(t *testing.T, seed int, pin string, direction, tokLength int) (in oracle.Inner, tok []byte) {
	t.Helper()
	random := rand.NewChaCha8([32]byte{byte(seed), byte(direction), byte(tokLength)})
	in = oracle.Inner{
		C: make([]byte, (tokLength+15)/16*16), Salt: make([]byte, 16), Direction: direction,
		TOKLength: tokLength, KDF: oracle.PBKDF2, Iterations: 1,
	}
	random.Read(in.C)
	random.Read(in.Salt)
	block, err := aes.NewCipher(pbkdf2.Key([]byte(pin), in.Salt, in.Iterations, 32, sha256.New))
	if err != nil {
		t.Fatal(err)
	}
	for c := in.C; len(c) > 0; c = c[16:] {
		var b [16]byte
		if direction == oracle.Encrypts {
			block.Encrypt(b[:], c)
		} else {
			block.Decrypt(b[:], c)
		}
		tok = append(tok, b[:]...)
	}
	return in, tok[:tokLength]
}

func TestTOK(t *testing.T) {
	for _, direction := range []int{oracle.Encrypts, oracle.Decrypts} {
		for _, n := range []int{20, 32, 64} {
			in, want := inner(t, 0, "4839", direction, n)
			if got, err := in.TOK("4839"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("direction %d, %d bytes: %x, %v", direction, n, got, err)
			}
		}
	}
}

func TestTOKRefusesWhatItDoesNotKnow(t *testing.T) {
	good, _ := inner(t, 0, "4839", oracle.Encrypts, 32)
	for name, change := range map[string]func(*oracle.Inner){
		"KDF":           func(in *oracle.Inner) { in.KDF = "scrypt" },
		"direction":     func(in *oracle.Inner) { in.Direction = 3 },
		"length of C":   func(in *oracle.Inner) { in.C = in.C[:31] },
		"length of TOK": func(in *oracle.Inner) { in.TOKLength = 33 },
	} {
		in := good
		change(&in)
		if _, err := in.TOK("4839"); err == nil {
			t.Errorf("another %s is accepted", name)
		}
	}
}

// Seed 000 §6.1: any two PINs give TOKs of one length, and different ones.
func TestEveryPINGivesATOK(t *testing.T) {
	in, _ := inner(t, 0, "4839", oracle.Encrypts, 32)
	pin := rapid.StringMatching(`[0-9]{4,12}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := pin.Draw(t, "a"), pin.Draw(t, "b")
		tokA, errA := in.TOK(a)
		tokB, errB := in.TOK(b)
		if errA != nil || errB != nil || len(tokA) != len(tokB) || bytes.Equal(tokA, tokB) != (a == b) {
			t.Fatalf("%x, %v and %x, %v", tokA, errA, tokB, errB)
		}
	})
}

// The solver keeps every PIN before an OTP is seen, and about as many as theory says after
// one and two. With 100 possible counters one OTP of 6 digits leaves 1.9998 of 10^4.
func TestSurvivors(t *testing.T) {
	suite := oracle.Suite{Hash: crypto.SHA256, Digits: 6}
	starts := make([]uint64, 5)
	for i := range starts {
		starts[i] = uint64(i)
	}
	const rounds = 4
	var one float64
	for round := range rounds {
		in, tok := inner(t, round, "4839", oracle.Encrypts, 32)
		c, err := oracle.Solve(in, 4)
		if err != nil {
			t.Fatal(err)
		}
		first, second := suite.OTP(tok, 3), suite.OTP(tok, 4)
		if n := len(c.Survivors(suite, starts)); n != 10_000 || c.Distinct(nil) != 10_000 {
			t.Fatalf("%d of 10,000 PINs, %d TOKs, without an OTP", n, c.Distinct(nil))
		}
		after := c.Survivors(suite, starts, first)
		if !slices.Contains(after, "4839") {
			t.Fatal("the right PIN is gone")
		}
		one += float64(len(after)) / rounds
		if two := c.Survivors(suite, starts, first, second); !slices.Equal(two, []string{"4839"}) {
			t.Errorf("after two OTPs: %d PINs", len(two))
		}
	}
	want := oracle.Expected(10_000, len(starts), 6, 1)
	if sigma := math.Sqrt((want - 1) / rounds); math.Abs(one-want) > 5*sigma {
		t.Errorf("after one OTP %.2f PINs, theory says %.2f", one, want)
	}
}

// Positive control: redundancy in TOK is an oracle, and the solver sees it.
func TestSolverSeesRedundancy(t *testing.T) {
	in, _ := inner(t, 0, "4839", oracle.Encrypts, 32)
	c, err := oracle.Solve(in, 4)
	if err != nil {
		t.Fatal(err)
	}
	// The last byte of a PKCS#7 padding of one byte: 1 of 256 by chance, about 39 of 10^4.
	if n := c.Distinct(func(tok []byte) bool { return tok[31] == 1 }); n < 5 || n > 90 {
		t.Errorf("%d candidates end in 01", n)
	}
}
