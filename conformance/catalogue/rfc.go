package catalogue

import "github.com/epsbench/epsbench/conformance"

// rfc are the published vectors, once with the key as an object of the module in use and,
// for the OTPs, once through the authentication server. A case is one vector.
var rfc = []conformance.Claim{
	{ID: "RFC4226-appD", Source: "RFC 4226 Appendix D", Target: module, Family: "rfc", Status: auto, Needs: needs{conformance.CanCallModule},
		Title:  "The module computes the HOTP values of the RFC.",
		Method: "The secret is a sensitive object of the module, the MAC is made by C_Sign, the OTP is cut from it here; each of 10 values."},
	{ID: "RFC4226-appD-server", Source: "RFC 4226 Appendix D", Target: authserver, Family: "rfc", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate},
		Title:  "The authentication server accepts the HOTP values of the RFC, once, and no others.",
		Method: "The secret is imported at the counter of the value: an altered OTP is refused, the right one accepted, the same again refused; each of 10 values."},
	{ID: "RFC6238-appB", Source: "RFC 6238 Appendix B", Target: module, Family: "rfc", Status: auto, Needs: needs{conformance.CanCallModule},
		Title:  "The module computes the TOTP values of the RFC, for SHA-1, SHA-256 and SHA-512.",
		Method: "As for HOTP; each of 18 values, with the secrets of erratum 2866."},
	{ID: "RFC6238-appB-server", Source: "RFC 6238 Appendix B", Target: authserver, Family: "rfc", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanValidate, conformance.CanSetClock},
		Title:  "The authentication server accepts the TOTP values of the RFC at their times, once, and no others.",
		Method: "The clock is set to the time of the value: an altered OTP is refused, the right one accepted, the same again refused; each of 18 values."},
	{ID: "RFC6287-appC", Source: "RFC 6287 Appendix C", Target: module, Family: "rfc", Status: auto, Needs: needs{conformance.CanCallModule},
		Title:  "The module computes the OCRA values of the RFC.",
		Method: "The data input is made here, the MAC by C_Sign under a sensitive object, the response is cut from it here; each of 70 values, with errata 3899 and 3900."},
	{ID: "RFC6287-appC-server", Source: "RFC 6287 Appendix C", Target: authserver, Family: "rfc", Status: auto,
		Needs:  needs{conformance.CanImportSeed, conformance.CanChallenge, conformance.CanSetClock},
		Title:  "The authentication server accepts the OCRA values of the RFC as responses to their questions, once, and computes those of the server.",
		Method: "The secret is imported, with the PIN's hash where there is one, and the question registered: the value is accepted, refused when it comes again, and refused for another question; the values of server computation come back for the client's question; each of 70 values, at its time."},
	{ID: "RFC6287-7.1", Source: "RFC 6287 §7.1", Target: eps, Family: "authserver", Status: auto,
		Needs:  needs{conformance.CanEnrol, conformance.CanProvision, conformance.CanChallenge},
		Title:  "A token enrolled for challenges answers them, and each answer is accepted once.",
		Method: "The suite of the modelled application, OCRA-1:HOTP-SHA256-8:QH64-T30S, is enrolled and provisioned; the independent client answers with the PIN: accepted, refused when it comes again; with a wrong PIN refused."},
	{ID: "RFC3394-4", Source: "RFC 3394 §4", Target: module, Family: "rfc", Status: auto, Needs: needs{conformance.CanCallModule},
		Title:  "The module wraps and unwraps keys as the RFC's examples do.",
		Method: "C_WrapKey gives the example's bytes; C_UnwrapKey gives a key that encrypts as the example's key does; the wrapped key with a bit flipped is refused; each of 6 examples."},
}
