package stat

import (
	"math/rand/v2"
	"slices"
)

// Interval is where a value lies with some confidence.
type Interval struct{ Low, High float64 }

// resamples is how often Bootstrap draws.
const resamples = 1000

// Bootstrap gives the interval of a statistic of n rounds, by its percentiles over rounds
// drawn with replacement: what belongs to one round stays together, so that a drift of the
// machine, which all of a round have in common, is no difference between them.
func Bootstrap(random *rand.Rand, confidence float64, n int, statistic func(rounds []int) float64) Interval {
	values, rounds := make([]float64, resamples), make([]int, n)
	for i := range values {
		for k := range rounds {
			rounds[k] = random.IntN(n)
		}
		values[i] = statistic(rounds)
	}
	slices.Sort(values)
	outside := int((1 - confidence) / 2 * resamples)
	return Interval{values[outside], values[resamples-1-outside]}
}
