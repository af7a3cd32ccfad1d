//go:build !race

package vectors_test

// patience admits every vector.
const patience = 1 << 30
