//go:build race

package cryptoki_test

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
