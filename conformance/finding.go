package conformance

// Finding is a place where a source contradicts itself, or leaves out what a judgement
// would need. It stands beside the verdicts: the bench resolves none of them silently.
type Finding struct {
	ID      string   // "TEXT-RC"
	Sources []string // of both sides: "seed 000 §4 B6"
	Says    string   // one side of the text
	Against string   // the other
	Did     string   // what the bench did about it
	Claims  []string // whose judgement it touches
}
