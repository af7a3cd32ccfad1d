package mutants

import "slices"

// storage are the mutants of the claims that family store judges: of what is told
// (store_told.go), of what is kept (store_kept.go), and of keys (store_keys.go).
var storage = slices.Concat(storageTold, storageKept, storageKeys)
