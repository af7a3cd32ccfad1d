// Package rfc judges by published vectors: RFC 4226, RFC 6238 and RFC 6287 with the secret
// as an object of the module in use and again through the authentication server (suffix
// /server), RFC 3394 by the module's key wrapping. A case is one vector.
//
// Start at Family. otp.go, ocra.go and keywrap.go hold the specs, object.go the few PKCS#11 calls
// they make, server.go the path through the authentication server.
package rfc

import (
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

// Family is the family of every profile: the vectors are few.
func Family(p conformance.Profile) conformance.Family {
	return conformance.Family{Name: "rfc", Claims: catalogue.All(), Profile: p, Specs: specs}
}

func specs(t conformance.Target) {
	hotp(t)
	totp(t)
	ocra(t)
	keywrap(t)
}
