// Package oath computes one-time passwords, HOTP (RFC 4226) and TOTP (RFC 6238), and
// responses to questions, OCRA (RFC 6287), over an abstract keyed MAC, so that the key can
// stay in an HSM.
//
// Start at Suite: its name says all that two sides must agree on. HOTP is the truncation
// that all of them share; Suite.Response is OCRA. Suite.Importable and Suite.Enrollable
// say which well-formed suites a server leaves alone.
package oath
