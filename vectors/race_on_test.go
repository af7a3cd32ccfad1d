//go:build race

package vectors_test

// patience: under the race detector the 2^24 iterations of rfc6070/2/4 take a minute, and
// there is no race in them.
const patience = 1 << 20
