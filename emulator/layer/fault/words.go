package fault

import (
	"fmt"
	"strings"
	"time"
)

// String says which calls a rule strikes: "the 3rd call of C_Sign, until C_Finalize is called".
func (t Trigger) String() string {
	words := t.count() + t.calls()
	for _, limit := range []struct {
		holds bool
		words string
	}{
		{t.Chance > 0, fmt.Sprintf(", each with a chance of %g %%", 100*t.Chance)},
		{t.Times > 0 && !t.first(), fmt.Sprintf(", %s at most", times(t.Times))},
		{t.After != "", fmt.Sprintf(", once %q has struck", t.After)},
		{t.Until != "", ", until " + t.Until + " is called"},
	} {
		if limit.holds {
			words += limit.words
		}
	}
	return words
}

// first tells whether Times alone counts calls, so that the first ones are struck.
func (t Trigger) first() bool {
	return t.Times > 0 && t.Nth == 0 && t.Every == 0 && t.Chance == 0 && t.Idle == 0
}

func (t Trigger) count() string {
	switch {
	case t.Nth > 0 && t.Every > 0:
		return fmt.Sprintf("the %s, if every %s counts, ", ordinal(t.Nth), ordinal(t.Every))
	case t.Nth > 0:
		return "the " + ordinal(t.Nth) + " "
	case t.Every == 1, t.Every == 0 && !t.first():
		return "each "
	case t.Every > 0:
		return "every " + ordinal(t.Every) + " "
	case t.Times == 1:
		return "the first "
	}
	return fmt.Sprintf("each of the first %d ", t.Times)
}

// calls are those that are counted.
func (t Trigger) calls() string {
	words := "call"
	if t.first() && t.Times > 1 {
		words += "s"
	}
	if len(t.Function) > 0 {
		words += " of " + either(t.Function)
	}
	if len(t.Mechanism) > 0 {
		names := make([]string, len(t.Mechanism))
		for i, m := range t.Mechanism {
			names[i] = string(m)
		}
		words += " with " + either(names)
	}
	if t.Idle > 0 {
		words += " that comes after " + short(t.Idle) + " without one"
	}
	return words
}

// String says what becomes of a call: "its session ends, it returns CKR_DEVICE_ERROR".
func (e Effect) String() string {
	returns := "it returns " + string(e.Return)
	if e.Done {
		returns = "it is done, and all the same returns " + string(e.Return)
	}
	var words []string
	for _, part := range []struct {
		holds bool
		words string
	}{
		{e.Delay > 0, "it is late by " + short(e.Delay)},
		{e.Hang > 0, "it does not come back for " + short(e.Hang)},
		{e.Logout, "the login ends before it"},
		{e.Close == "session", "its session ends before it"},
		{e.Close == "sessions", "all sessions of its slot end before it"},
		{e.AnotherHandle, "it is done with the key of an earlier call"},
		{e.NoSlots, "its list of slots is empty"},
		{e.FlipBit, "one bit of its output is wrong"},
		{e.Repeat, "its output is that of the last such call"},
		{e.Return != "", returns},
	} {
		if part.holds {
			words = append(words, part.words)
		}
	}
	return strings.Join(words, ", ")
}

// either is "a, b or c".
func either(names []string) string {
	last := len(names) - 1
	if last == 0 {
		return names[0]
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// ordinal is "1st", "2nd", "11th".
func ordinal(n int) string {
	suffix := map[int]string{1: "st", 2: "nd", 3: "rd"}[n%10]
	if suffix == "" || n%100/10 == 1 {
		suffix = "th"
	}
	return fmt.Sprint(n) + suffix
}

// short is a duration without the zeros at its end: "5m", not "5m0s".
func short(d time.Duration) string {
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}
