package mutants

// provisioning are the mutants of the claims that family mpp judges.
var provisioning = []Mutant{}
