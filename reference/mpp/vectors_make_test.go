package mpp_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"os"
	"strconv"
	"strings"
	"testing"
)

// vectors is vectors.json. Names ending in _pem are PEM; digits, names and KDFs are
// text; every other string is lower-case hexadecimal.
type vectors struct {
	About             []string           `json:"about"`
	RSA               rsaKey             `json:"rsa"`
	Labels            map[string]string  `json:"labels"`
	Exchanges         []exchange         `json:"exchanges"`
	RefusedResponses  []refusedResponse  `json:"refused_responses"`
	MalformedRequests []malformedRequest `json:"malformed_requests"`
}

type rsaKey struct {
	PrivateKeyPEM string `json:"private_key_pem"`
	PublicKeyPEM  string `json:"public_key_pem"`
	SPKI          string `json:"spki"`
	KeyID         string `json:"kid"`
}

type exchange struct {
	Name     string   `json:"name"`
	Suite    uint64   `json:"suite"`
	Request  request  `json:"request"`
	Token    token    `json:"token"`
	Grant    grant    `json:"grant"`
	Response response `json:"response"`
	OTPs     []otp    `json:"otps"`
}

type request struct {
	Service          string `json:"service"`
	S                string `json:"s"`
	Nonce            string `json:"nonce"`
	EphemeralPrivate string `json:"ephemeral_private"`
	EC               string `json:"ec"`
	OAEPSeed         string `json:"oaep_seed"`
	OAEP             string `json:"oaep"`
	Header           string `json:"header"`
	H1               string `json:"h1"`
	Kt               string `json:"k_t"`
	Kc               string `json:"k_c"`
	MAC              string `json:"mac_req"`
	Kreq             string `json:"k_req"`
	Locator          string `json:"locator"`
	Code             string `json:"code"`
	LowestVersion    uint8  `json:"lowest_version"`
	HighestVersion   uint8  `json:"highest_version"`
	BoxPlain         string `json:"box_plain"`
	Box              string `json:"box"`
	Body             string `json:"body"`
}

type token struct {
	PIN string `json:"pin"`
	KEK string `json:"kek"`
	C   string `json:"c"`
	TOK string `json:"tok"`
}

type grant struct {
	EPS        string `json:"eps"`
	Service    string `json:"service"`
	Token      string `json:"token"`
	W          string `json:"w"`
	Direction  uint64 `json:"direction"`
	TOKLength  int    `json:"tok_length"`
	CLength    int    `json:"c_length"`
	Salt       string `json:"salt"`
	KDF        string `json:"kdf"`
	Iterations int    `json:"iterations"`
	Suite      string `json:"suite"`
	Counter    uint64 `json:"counter"`
	Ticket     string `json:"ticket"`
	Time       int64  `json:"time"`
	PINDigits  int    `json:"pin_digits"`
	CBOR       string `json:"cbor"`
}

type response struct {
	EphemeralPrivate string `json:"ephemeral_private"`
	ES               string `json:"es"`
	Header           string `json:"header"`
	H2               string `json:"h2"`
	MAC              string `json:"mac_rsp"`
	Z                string `json:"z"`
	Krsp             string `json:"k_rsp"`
	BoxPlain         string `json:"box_plain"`
	Box              string `json:"box"`
	Body             string `json:"body"`
}

type otp struct {
	PIN     string `json:"pin"`
	Counter uint64 `json:"counter"` // HOTP
	Time    int64  `json:"time"`    // TOTP
	OTP     string `json:"otp"`
}

type refusedResponse struct {
	Name     string `json:"name"`
	Exchange int    `json:"exchange"`
	Now      int64  `json:"now"`
	Check    string `json:"check"`
	Body     string `json:"body"`
}

type malformedRequest struct {
	Name string `json:"name"`
	Body string `json:"body"`
}

var about = []string{
	"Test vectors of MPP v2 (PROTOCOL.md beside this file). The RSA key is for tests only.",
	"Each exchange lists its inputs and every value on the way: request (PROTOCOL.md sections 3 and 4), token (KEK from PIN, C, TOK), grant and response (section 5), and OTPs that the provisioned phone shows for the right PIN and for a wrong one.",
	"Names ending in _pem are PEM. Service, locator, code, pin, eps, token, kdf, suite and otp are text. Every other string is lower-case hexadecimal. mac_req is HMAC(K_t, 'req' || H1), mac_rsp is HMAC(K_t, 'rsp' || H2); box_plain is the plain text of the AES-256-GCM box, grant.cbor the CBOR in it; labels holds the SHA-256 of the two derivation labels.",
	"The random bytes of a request are, in this order: s, nonce, ephemeral_private, oaep_seed. ephemeral_private is the scalar, big-endian.",
	"refused_responses: what the phone of exchange number 'exchange' (from 0) refuses at the time 'now', and the first check of section 7 that fails. The phone's least number of iterations is 1000.",
	"malformed_requests: bodies that do not decode (section 2); they derive from the first exchange.",
}

// plan is what an exchange is made from; all else follows from it and from draw.
type plan struct {
	name, eps, service   string
	suite                uint64
	code                 string
	lowest, highest      uint8
	pin, wrong, otpSuite string
	tokLength            int
	direction, counter   uint64
	iterations           int
	ticket               bool
	time                 int64
}

var plans = []plan{
	{name: "suite 1, HOTP-SHA256-6", eps: "eps.example", service: "bank.example", suite: 1, code: "12345678901", lowest: 2, highest: 2,
		pin: "493817", wrong: "493818", otpSuite: "HOTP-SHA256-6", tokLength: 32, direction: 1, iterations: 1000, time: 1_800_000_000},
	{name: "suite 2, TOTP-SHA256-6-30, direction 2", eps: "eps.example", service: "bank.example", suite: 2, code: "90210773", lowest: 2, highest: 2,
		pin: "7301", wrong: "7302", otpSuite: "TOTP-SHA256-6-30", tokLength: 32, direction: 2, iterations: 1000, time: 1_800_000_000},
	{name: "suite 2, HOTP-SHA512-8, longest fields", eps: strings.Repeat("E", 64), service: strings.Repeat("s", 64), suite: 2, code: "55", lowest: 1, highest: 2,
		pin: "840265917304", wrong: "840265917305", otpSuite: "HOTP-SHA512-8", tokLength: 64, direction: 1, counter: 1 << 40, iterations: 100_000, ticket: true, time: 1_900_000_000},
	{name: "suite 1, HOTP-SHA1-7, imported seed of 20 bytes", eps: "é", service: "a", suite: 1, code: "00000000000", lowest: 1, highest: 2,
		pin: "0042", wrong: "0043", otpSuite: "HOTP-SHA1-7", tokLength: 20, direction: 2, counter: 23, iterations: 1000, time: 1_800_000_001},
}

func writeVectors(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if _, statErr := os.Stat(vectorFile); statErr == nil {
		key, err = readVectors(t).key(t), nil
	}
	must(t, err)
	data, err := json.MarshalIndent(makeVectors(t, key), "", " ")
	must(t, err)
	must(t, os.WriteFile(vectorFile, append(data, '\n'), 0o644))
}

func makeVectors(t *testing.T, key *rsa.PrivateKey) vectors {
	t.Helper()
	v := vectors{About: about, RSA: describe(t, key), Labels: map[string]string{
		"epsbench-mpp/2 K_t": sum("epsbench-mpp/2 K_t"),
		"epsbench-mpp/2 K_c": sum("epsbench-mpp/2 K_c"),
	}}
	for _, p := range plans {
		v.Exchanges = append(v.Exchanges, makeExchange(t, key, v.RSA.KeyID, p))
	}
	v.RefusedResponses = refusedResponses(t, v.Exchanges)
	v.MalformedRequests = malformedRequests(t, v.Exchanges[0])
	return v
}

func describe(t *testing.T, key *rsa.PrivateKey) rsaKey {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	id := sha256.Sum256(public)
	return rsaKey{
		PrivateKeyPEM: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		PublicKeyPEM:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		SPKI:          hex.EncodeToString(public),
		KeyID:         hex.EncodeToString(id[:16]),
	}
}

func makeExchange(t *testing.T, key *rsa.PrivateKey, kid string, p plan) exchange {
	q := makeRequest(t, key, kid, p)
	tok, g := makeToken(t, p, unhex(t, q.Kc))
	e := exchange{
		Name: p.name, Suite: p.suite, Request: q, Token: tok, Grant: g,
		Response: makeResponse(t, p.name, p.suite, kid, q, g),
	}
	for _, o := range []otp{{PIN: p.pin, Counter: p.counter, Time: p.time}, {PIN: p.wrong, Counter: p.counter, Time: p.time}, {PIN: p.pin, Counter: p.counter + 1, Time: p.time + 30}} {
		o.OTP = makeOTP(t, p, g, tok.C, o)
		e.OTPs = append(e.OTPs, o)
	}
	return e
}

func makeRequest(t *testing.T, key *rsa.PrivateKey, kid string, p plan) request {
	s, nonce, scalar := draw(p.name, "S", 32), draw(p.name, "nonce", 32), draw(p.name, "phone", 32)
	seed := draw(p.name, "OAEP", oaep(p.suite).Size())
	ec := point(t, scalar)
	block, err := rsa.EncryptOAEP(oaep(p.suite), bytes.NewReader(seed), &key.PublicKey, s, nil)
	must(t, err)
	header := array(text("epsbench-mpp"), number(2), number(p.suite), str(unhex(t, kid)), text(p.service), str(nonce), str(ec), str(block))
	h1 := sha256.Sum256(header)
	kt, kc := ecb(t, s, sha256Of("epsbench-mpp/2 K_t")), ecb(t, s, sha256Of("epsbench-mpp/2 K_c"))
	mac := hmacOf(sha256.New, kt, append([]byte("req"), h1[:]...))
	kreq, err := hkdf.Key(sha256.New, mac, nil, "epsbench-mpp/2 request", 32)
	must(t, err)
	plain := make([]byte, 32)
	locator := locatorOf(p.name)
	copy(plain, locator)
	plain[8] = byte(len(p.code))
	copy(plain[9:], p.code)
	plain[20], plain[21] = p.lowest, p.highest
	box := gcmSeal(t, kreq, h1[:], plain)
	return request{
		Service: p.service, S: x(s), Nonce: x(nonce), EphemeralPrivate: x(scalar), EC: x(ec), OAEPSeed: x(seed), OAEP: x(block),
		Header: x(header), H1: x(h1[:]), Kt: x(kt), Kc: x(kc), MAC: x(mac), Kreq: x(kreq), Locator: locator, Code: p.code,
		LowestVersion: p.lowest, HighestVersion: p.highest, BoxPlain: x(plain), Box: x(box), Body: x(array(str(header), str(box))),
	}
}

func makeToken(t *testing.T, p plan, kc []byte) (token, grant) {
	size := (p.tokLength + 15) / 16 * 16
	c, salt := draw(p.name, "C", size), draw(p.name, "salt", 16)
	kek := kekOf(t, p.pin, salt, p.iterations)
	g := grant{
		EPS: p.eps, Service: p.service, Token: crockford(append(draw(p.name, "token", 16), 0))[:26],
		W: x(wrap(t, kc, c)), Direction: p.direction, TOKLength: p.tokLength, CLength: size, Salt: x(salt),
		KDF: "pbkdf2-hmac-sha256", Iterations: p.iterations, Suite: p.otpSuite, Counter: p.counter,
		Time: p.time, PINDigits: len(p.pin),
	}
	if p.ticket {
		g.Ticket = x(draw(p.name, "ticket", 16))
	}
	g.CBOR = x(g.encode(t))
	return token{PIN: p.pin, KEK: x(kek), C: x(c), TOK: x(turn(t, p.direction, kek, c)[:p.tokLength])}, g
}

func (g grant) encode(t *testing.T) []byte {
	return array(text(g.EPS), text(g.Service), text(g.Token), str(unhex(t, g.W)), number(g.Direction),
		number(uint64(g.TOKLength)), number(uint64(g.CLength)), str(unhex(t, g.Salt)), text(g.KDF), number(uint64(g.Iterations)),
		text(g.Suite), number(g.Counter), str(unhex(t, g.Ticket)), number(uint64(g.Time)), number(uint64(g.PINDigits)))
}

func makeResponse(t *testing.T, name string, suite uint64, kid string, q request, g grant) response {
	scalar := draw(name, "EPS", 32)
	es := point(t, scalar)
	header := array(text("epsbench-mpp"), number(2), number(suite), str(unhex(t, kid)), str(unhex(t, q.H1)), str(es))
	h2 := sha256.Sum256(header)
	mac := hmacOf(sha256.New, unhex(t, q.Kt), append([]byte("rsp"), h2[:]...))
	z := shared(t, scalar, unhex(t, q.EC))
	krsp, err := hkdf.Key(sha256.New, z, mac, "epsbench-mpp/2 response", 32)
	must(t, err)
	cbor := unhex(t, g.CBOR)
	plain := make([]byte, 480)
	binary.BigEndian.PutUint16(plain, uint16(len(cbor)))
	copy(plain[2:], cbor)
	box := gcmSeal(t, krsp, h2[:], plain)
	return response{
		EphemeralPrivate: x(scalar), ES: x(es), Header: x(header), H2: x(h2[:]), MAC: x(mac), Z: x(z), Krsp: x(krsp),
		BoxPlain: x(plain), Box: x(box), Body: x(array(str(header), str(box))),
	}
}

func makeOTP(t *testing.T, p plan, g grant, c string, o otp) string {
	tok := turn(t, p.direction, kekOf(t, o.PIN, unhex(t, g.Salt), p.iterations), unhex(t, c))[:p.tokLength]
	part := strings.Split(p.otpSuite, "-")
	moving := o.Counter
	if part[0] == "TOTP" {
		moving = uint64(o.Time) / 30
	}
	hashes := map[string]func() hash.Hash{"SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New}
	sum := hmacOf(hashes[part[1]], tok, binary.BigEndian.AppendUint64(nil, moving))
	code := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	digits, err := strconv.Atoi(part[2])
	must(t, err)
	all := fmt.Sprintf("%010d", code)
	return all[len(all)-digits:]
}

// draw gives the n fixed "random" bytes of a purpose.
func draw(name, purpose string, n int) []byte {
	h := sha512.Sum512([]byte("epsbench-mpp/2 vector: " + name + ": " + purpose))
	return h[:n]
}

func locatorOf(name string) string { return crockford(draw(name, "locator", 5)) }

func oaep(suite uint64) hash.Hash {
	if suite == 2 {
		return sha1.New()
	}
	return sha256.New()
}

func point(t *testing.T, scalar []byte) []byte {
	k, err := ecdh.P256().NewPrivateKey(scalar)
	must(t, err)
	return k.PublicKey().Bytes()
}

func shared(t *testing.T, scalar, peer []byte) []byte {
	k, err := ecdh.P256().NewPrivateKey(scalar)
	must(t, err)
	p, err := ecdh.P256().NewPublicKey(peer)
	must(t, err)
	z, err := k.ECDH(p)
	must(t, err)
	return z
}

func ecb(t *testing.T, key, in []byte) []byte { return turn(t, 1, key, in) }

// turn is AES-ECB: direction 1 encrypts, 2 decrypts.
func turn(t *testing.T, direction uint64, key, in []byte) []byte {
	b, err := aes.NewCipher(key)
	must(t, err)
	out := make([]byte, len(in))
	for i := 0; i < len(in); i += 16 {
		if direction == 1 {
			b.Encrypt(out[i:], in[i:])
		} else {
			b.Decrypt(out[i:], in[i:])
		}
	}
	return out
}

func kekOf(t *testing.T, pin string, salt []byte, iterations int) []byte {
	k, err := pbkdf2.Key(sha256.New, pin, salt, iterations, 32)
	must(t, err)
	return k
}

func hmacOf(h func() hash.Hash, key, data []byte) []byte {
	m := hmac.New(h, key)
	m.Write(data)
	return m.Sum(nil)
}

func gcmSeal(t *testing.T, key, additional, plain []byte) []byte {
	b, err := aes.NewCipher(key)
	must(t, err)
	g, err := cipher.NewGCM(b)
	must(t, err)
	return g.Seal(nil, make([]byte, 12), plain, additional)
}

// wrap is RFC 3394 §2.2.1.
func wrap(t *testing.T, key, plain []byte) []byte {
	b, err := aes.NewCipher(key)
	must(t, err)
	a := bytes.Repeat([]byte{0xa6}, 8)
	r := append([]byte(nil), plain...)
	for i := range 6 * (len(r) / 8) {
		block := append(append([]byte(nil), a...), r[i%(len(r)/8)*8:][:8]...)
		b.Encrypt(block, block)
		binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(block)^uint64(i+1))
		copy(r[i%(len(r)/8)*8:], block[8:])
	}
	return append(a, r...)
}

func crockford(b []byte) string {
	var bits strings.Builder
	for _, c := range b {
		fmt.Fprintf(&bits, "%08b", c)
	}
	var out strings.Builder
	for s := bits.String(); len(s) >= 5; s = s[5:] {
		n, _ := strconv.ParseUint(s[:5], 2, 8) //nolint:errcheck // five binary digits
		out.WriteByte("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[n])
	}
	return out.String()
}

// The CBOR that the protocol needs: arrays, text, bytes and unsigned integers in
// their shortest forms.
func array(items ...[]byte) []byte {
	return append(head(4, uint64(len(items))), bytes.Join(items, nil)...)
}
func text(s string) []byte   { return append(head(3, uint64(len(s))), s...) }
func str(b []byte) []byte    { return append(head(2, uint64(len(b))), b...) }
func number(n uint64) []byte { return head(0, n) }

func head(major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return []byte{major | byte(n)}
	case n < 1<<8:
		return []byte{major | 24, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{major | 25}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{major | 26}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{major | 27}, n)
}

func sha256Of(s string) []byte {
	h := sha256.Sum256([]byte(s))
	return h[:]
}

func sum(s string) string { return x(sha256Of(s)) }
func x(b []byte) string   { return hex.EncodeToString(b) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
