// Package authserver is the authentication server: it holds each token's TOK under
// a key of its own HSM and says, once for each OTP, whether it is the user's.
//
// Start at Server.Validate, for OCRA at Server.Challenge and Server.Respond; Rules decides what is tested and when a token locks.
// Tokens come from an EPS by the plug-in contract (package plugin, applied in
// apply.go) or as imported seeds (importing.go). api.go and authserver.yaml are the
// REST side.
//
// State changes are logged, without secrets. A tamper-evident audit of this server is
// not kept: its rows are each under a MAC, and a row that goes back behind what this
// process has seen is refused.
package authserver
