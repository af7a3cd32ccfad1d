package reference

// PIN lengths that a token may have, in digits.
const (
	MinPINDigits = 4
	MaxPINDigits = 12
)

// WeakPIN says whether pin, ASCII digits, is refused by the rules of seed 004: the
// step from digit to digit must vary (12345, 02468, 1111 are weak), and a row of
// zeros with one digit before or after it is what cash machines teach (2000, 00003).
func WeakPIN(pin []byte) bool { return len(pin) < 2 || steady(pin) || cashMachine(pin) }

func steady(pin []byte) bool {
	for i := 2; i < len(pin); i++ {
		if int(pin[i])-int(pin[i-1]) != int(pin[1])-int(pin[0]) {
			return false
		}
	}
	return true
}

func cashMachine(pin []byte) bool {
	return zeros(pin[1:]) || zeros(pin[:len(pin)-1])
}

func zeros(digits []byte) bool {
	for _, d := range digits {
		if d != '0' {
			return false
		}
	}
	return true
}

// WeakPINs counts the weak PINs of n digits, n ≥ 3: those of each constant step,
// and 9 + 9 cash machine PINs that are not all zeros. A guesser leaves them out,
// so the limits on tries are drawn from what remains.
func WeakPINs(n int) int {
	count := 9 + 9
	for step := -9; step <= 9; step++ {
		reach := max(step, -step) * (n - 1)
		count += max(0, 10-reach)
	}
	return count
}
