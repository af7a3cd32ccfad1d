package mpp_test

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// refusedResponses are answers that the phone of the first exchange refuses, one
// for each check of PROTOCOL.md §7 and for damage in each part.
func refusedResponses(t *testing.T, all []exchange) []refusedResponse {
	const farAhead = 601 // seconds
	e := all[0]
	kid := e.kid(t)
	out := []refusedResponse{
		{Name: "all zeros", Check: "format", Body: x(make([]byte, 636))},
		{Name: "one byte short", Check: "format", Body: e.Response.Body[:2*635]},
		{Name: "one byte more", Check: "format", Body: e.Response.Body + "00"},
		{Name: "last bit flipped", Check: "tag", Body: flip(t, e.Response.Body, 635)},
		{Name: "first bit of the box flipped", Check: "tag", Body: flip(t, e.Response.Body, 140)},
		{Name: "answer to another exchange", Check: "h1", Body: x(array(str(e.header(t, kid, 1, unhex(t, all[3].Request.H1))), str(unhex(t, e.Response.Box))))},
		{Name: "header of another key", Check: "key id", Body: x(array(str(e.header(t, make([]byte, 16), 1, unhex(t, e.Request.H1))), str(unhex(t, e.Response.Box))))},
		{Name: "header of another suite", Check: "suite", Body: x(array(str(e.header(t, kid, 2, unhex(t, e.Request.H1))), str(unhex(t, e.Response.Box))))},
		{Name: "protocol version 3", Check: "format", Body: x(bytes.Replace(unhex(t, e.Response.Body), []byte("mpp\x02"), []byte("mpp\x03"), 1))},
		{Name: "clock 10 minutes and a second ahead", Check: "time", Now: e.Grant.Time + farAhead, Body: e.Response.Body},
		{Name: "clock 10 minutes and a second behind", Check: "time", Now: e.Grant.Time - farAhead, Body: e.Response.Body},
	}
	for _, c := range []struct {
		name, check string
		change      func(*grant)
	}{
		{"grant of another EPS", "eps", func(g *grant) { g.EPS = "eps.other" }},
		{"grant for another service", "service", func(g *grant) { g.Service = "shop.example" }},
		{"grant with another KDF", "kdf", func(g *grant) { g.KDF = "pbkdf2-hmac-sha1" }},
		{"grant with too few iterations", "kdf", func(g *grant) { g.Iterations = 999 }},
		{"grant with a damaged W", "w", func(g *grant) { g.W = flip(t, g.W, 8) }},
	} {
		g := e.Grant
		c.change(&g)
		g.CBOR = x(g.encode(t))
		out = append(out, refusedResponse{Name: c.name, Check: c.check, Body: makeResponse(t, e.Name, e.Suite, x(kid), e.Request, g).Body})
	}
	for i := range out {
		if out[i].Now == 0 {
			out[i].Now = e.Grant.Time
		}
	}
	return out
}

// header gives the response header of e with other values.
func (e exchange) header(t *testing.T, kid []byte, suite uint64, h1 []byte) []byte {
	return array(text("epsbench-mpp"), number(2), number(suite), str(kid), str(h1), str(unhex(t, e.Response.ES)))
}

// kid is the key id in the request of e, behind array head, name, version, suite and byte string head.
func (e exchange) kid(t *testing.T) []byte {
	const at = 1 + 13 + 1 + 1 + 1
	return unhex(t, e.Request.Header)[at : at+16]
}

// malformedRequests break the rules of PROTOCOL.md §2, one each.
func malformedRequests(t *testing.T, e exchange) []malformedRequest {
	q := e.Request
	body, header, box := unhex(t, q.Body), unhex(t, q.Header), unhex(t, q.Box)
	kid, nonce, ec, oaep := e.kid(t), unhex(t, q.Nonce), unhex(t, q.EC), unhex(t, q.OAEP)
	with := func(items ...[]byte) []byte { return array(str(array(items...)), str(box)) }
	name, two, one := text("epsbench-mpp"), number(2), number(1)
	service := text(q.Service)
	offCurve := append([]byte(nil), ec...)
	offCurve[64] ^= 1
	compressed := append([]byte{2 + ec[64]&1}, ec[1:33]...)
	long := binary.BigEndian.AppendUint32([]byte{0x5a}, uint32(len(header)))
	cases := []struct {
		name string
		body []byte
	}{
		{"empty", nil},
		{"a map", []byte{0xa0}},
		{"trailing byte", append(append([]byte(nil), body...), 0)},
		{"last byte missing", body[:len(body)-1]},
		{"array of three", array(str(header), str(box), number(0))},
		{"array of one", array(str(header))},
		{"indefinite array", append(append([]byte{0x9f}, body[1:]...), 0xff)},
		{"tagged", append([]byte{0xd9, 0xd9, 0xf7}, body...)},
		{"length not in its shortest form", append(append(append([]byte{0x82}, long...), header...), str(box)...)},
		{"indefinite byte string", append(append([]byte{0x82, 0x5f}, append(str(header), 0xff)...), str(box)...)},
		{"header as text", array(text(string(header)), str(box))},
		{"box a null", array(str(header), []byte{0xf6})},
		{"box of 47 bytes", array(str(header), str(box[:47]))},
		{"box of 49 bytes", array(str(header), str(append(box[:48:48], 0)))},
		{"trailing byte in the header", array(str(append(header[:len(header):len(header)], 0)), str(box))},
		{"another protocol", with(text("epsbench-mpq"), two, one, str(kid), service, str(nonce), str(ec), str(oaep))},
		{"version 1", with(name, one, one, str(kid), service, str(nonce), str(ec), str(oaep))},
		{"version 3", with(name, number(3), one, str(kid), service, str(nonce), str(ec), str(oaep))},
		{"version not in its shortest form", with(name, []byte{0x18, 2}, one, str(kid), service, str(nonce), str(ec), str(oaep))},
		{"version as a float", with(name, []byte{0xf9, 0x40, 0x00}, one, str(kid), service, str(nonce), str(ec), str(oaep))},
		{"suite 0", with(name, two, number(0), str(kid), service, str(nonce), str(ec), str(oaep))},
		{"suite 3", with(name, two, number(3), str(kid), service, str(nonce), str(ec), str(oaep))},
		{"key id of 15 bytes", with(name, two, one, str(kid[:15]), service, str(nonce), str(ec), str(oaep))},
		{"service empty", with(name, two, one, str(kid), text(""), str(nonce), str(ec), str(oaep))},
		{"service in capitals", with(name, two, one, str(kid), text("Bank"), str(nonce), str(ec), str(oaep))},
		{"service of 65 characters", with(name, two, one, str(kid), text(string(bytes.Repeat([]byte("a"), 65))), str(nonce), str(ec), str(oaep))},
		{"service as bytes", with(name, two, one, str(kid), str([]byte(q.Service)), str(nonce), str(ec), str(oaep))},
		{"nonce of 31 bytes", with(name, two, one, str(kid), service, str(nonce[:31]), str(ec), str(oaep))},
		{"point off the curve", with(name, two, one, str(kid), service, str(nonce), str(offCurve), str(oaep))},
		{"point at infinity", with(name, two, one, str(kid), service, str(nonce), str([]byte{0}), str(oaep))},
		{"point compressed", with(name, two, one, str(kid), service, str(nonce), str(compressed), str(oaep))},
		{"OAEP block of 255 bytes", with(name, two, one, str(kid), service, str(nonce), str(ec), str(oaep[:255]))},
		{"OAEP block of 513 bytes", with(name, two, one, str(kid), service, str(nonce), str(ec), str(make([]byte, 513)))},
	}
	out := make([]malformedRequest, len(cases))
	for i, c := range cases {
		out[i] = malformedRequest{c.name, x(c.body)}
	}
	return out
}

// flip changes the lowest bit of one byte.
func flip(t *testing.T, s string, at int) string {
	b := unhex(t, s)
	b[at] ^= 1
	return x(b)
}
