// Package plugin is the contract between an EPS and an authentication server:
// the EPS hands TOK over under TRK, and later suspends, resumes, revokes or cancels.
//
// Start at Client (the EPS's side) and Handler (the other). The bytes are specified
// in CONTRACT.md. Every message is under an HMAC that both sides compute in their
// HSMs: PLK for requests, PLK-R for replies; it is checked before anything else of
// the message is looked at, and long before TOK is unwrapped.
package plugin
