package audience

import (
	"math"
	"math/bits"
)

// registers is the size of a sketch: with 512 the standard error of an estimate is 4.6 %.
const (
	registerBits = 9
	registers    = 1 << registerBits
	maxRank      = 64 - registerBits + 1
)

// sketch estimates how many different hashes it was given, without keeping any (Flajolet, Fusy, Gandouet, Meunier:
// HyperLogLog, 2007).
type sketch [registers]uint8

func (s *sketch) add(hash uint64) {
	i := hash >> (64 - registerBits)
	rank := uint8(bits.LeadingZeros64(hash<<registerBits|1<<(registerBits-1)) + 1)
	if s[i] < rank { // most often it is not, and then nothing is written
		s[i] = rank
	}
}

// merge adds what another sketch was given.
func (s *sketch) merge(o *sketch) {
	for i := range s {
		s[i] = max(s[i], o[i])
	}
}

func (s *sketch) estimate() int {
	const alpha = 0.7213 / (1 + 1.079/registers)
	sum, empty := 0.0, 0
	for _, r := range s {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	estimate := alpha * registers * registers / sum
	if estimate <= 2.5*registers && empty > 0 {
		// Few: the share of empty registers says more.
		estimate = registers * math.Log(registers/float64(empty))
	}
	return int(math.Round(estimate))
}
