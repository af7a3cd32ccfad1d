package mutants

import "slices"

// storage are the mutants of the claims that family store judges: of what is told
// (store_told.go), of what is kept (store_kept.go), of keys (store_keys.go) and their values
// (store_values.go), and of the literal profile and what altering rows gives (store_literal.go).
var storage = slices.Concat(storageTold, storageKept, storageKeys, storageValues, storageLiteral)
