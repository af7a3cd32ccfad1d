package mutants

// storage are the mutants of the claims that family store judges.
var storage = []Mutant{}
