// Package oracle is a second implementation of what the suites judge: one-time passwords,
// responses to challenges, AES key wrap, the PIN layer and the phone's side of MPP v2. It is
// written from the RFCs and from reference/mpp/PROTOCOL.md alone and shares no code with
// what it judges.
//
// Start at Build: a phone's request, every field of it adjustable; Session.Open reads the
// answer; Grant.OTP computes what the user types; Solve is the attacker who has the
// phone's data and no PIN.
package oracle
