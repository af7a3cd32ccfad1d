package mutants

// pin are the mutants of the claims that family pin judges.
var pin = []Mutant{}
