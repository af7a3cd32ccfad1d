//go:build !race

package personality_test

const raceEnabled = false
