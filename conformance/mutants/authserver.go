package mutants

import "crypto/tls"

// challenges are the mutants of the claims that family authserver judges.
var challenges = []Mutant{
	{
		Name:   "authentication server speaks TLS 1.0",
		About:  "The listener for challenges and OTPs takes versions from TLS 1.0 on.",
		Claims: []string{"RGS-C-5"},
		Reason: "auth speaks TLS 1.0",
		Break: func(s *Seams) {
			s.TLS = func(listener string, c *tls.Config) {
				if listener == "auth" {
					c.MinVersion = tls.VersionTLS10
					c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA)
				}
			}
		},
	},
}
