package token

// Attributes are the types of all attributes that this token knows.
func Attributes() []uint {
	var out []uint
	for _, r := range rules {
		out = append(out, r.typ)
	}
	return out
}
