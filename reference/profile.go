package reference

// Profile says what an EPS stores, and how. It is chosen when its keys are made.
type Profile string

const (
	// Default binds and authenticates each row, and keeps no secret that it does not need.
	Default Profile = "default"
	// Literal is seed 000 §6.2 to the letter, weaknesses and all: for judging them, and
	// for migration from a system that stores so.
	Literal Profile = "st-2.6.1"
)

// MPP are the versions of the provisioning protocol that the profile implies.
func (p Profile) MPP() []int {
	if p == Literal {
		return []int{1}
	}
	return []int{2}
}
