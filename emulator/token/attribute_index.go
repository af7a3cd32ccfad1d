package token

import "math/bits"

// ruleIndex finds the rows of one class and key type: nearly every attribute has a low
// number.
type ruleIndex struct {
	low  [0x400]uint8 // number of the row and one more
	high map[uint]uint8
}

var ruleIndexes = func() (indexes [6][5]ruleIndex) {
	for class := data; class <= certificate; class <<= 1 {
		for t := ofRSA; t <= ofMontgomery<<1; t <<= 1 {
			indexes[class.place()][t.place()].fill(class, t)
		}
	}
	return indexes
}()

func (x *ruleIndex) fill(class classes, t types) {
	x.high = make(map[uint]uint8)
	for i, r := range rules {
		switch {
		case r.classes&class == 0, r.types != 0 && r.types&t == 0:
		case r.typ < uint(len(x.low)):
			x.low[r.typ] = uint8(i + 1)
		default:
			x.high[r.typ] = uint8(i + 1)
		}
	}
}

// place numbers the classes; no class comes last, and has no rows.
func (c classes) place() int { return bits.TrailingZeros8(uint8(c) | 1<<5) }

// place numbers the key types; no type comes last, and has the rows for all.
func (t types) place() int { return bits.TrailingZeros8(uint8(t) | uint8(ofMontgomery)<<1) }

// rowSet is a set of numbers of rows.
type rowSet [4]uint64

// add tells whether the row was not in the set yet.
func (s *rowSet) add(row int) bool {
	word, bit := &s[row/64], uint64(1)<<(row%64)
	had := *word&bit != 0
	*word |= bit
	return !had
}

// rule finds the row of an attribute for an object like this, with its number.
func (o *object) rule(typ uint) (*rule, int, bool) {
	class := o.kind()
	x := &ruleIndexes[class.place()][typeOf(class, o.keyType).place()]
	var n uint8
	if typ < uint(len(x.low)) {
		n = x.low[typ]
	} else {
		n = x.high[typ]
	}
	if n == 0 {
		return nil, 0, false
	}
	return &rules[n-1], int(n - 1), true
}
