package mutants

// rfc are the mutants of the claims that family rfc judges.
var rfc = []Mutant{}
