//go:build race

package personality_test

// raceEnabled: the race detector allocates on its own account.
const raceEnabled = true
