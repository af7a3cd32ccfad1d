// Package oath computes one-time passwords, HOTP (RFC 4226) and TOTP (RFC 6238),
// over an abstract keyed MAC, so that the key can stay in an HSM.
//
// Start at Suite: its name says all that two sides must agree on. HOTP is the
// truncation that both algorithms share.
package oath
