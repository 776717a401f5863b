package audience

import (
	"math"
	"math/bits"
)

// registers is the number of registers of a sketch. With 512 registers, the standard error of an estimate is 4.6%.
const (
	registerBits = 9
	registers    = 1 << registerBits
	maxRank      = 64 - registerBits + 1
)

// sketch estimates the number of distinct hashes that were added (Flajolet, Fusy, Gandouet, Meunier: HyperLogLog,
// 2007).
type sketch [registers]uint8

func (s *sketch) add(hash uint64) {
	i := hash >> (64 - registerBits)
	rank := uint8(bits.LeadingZeros64(hash<<registerBits|1<<(registerBits-1)) + 1)
	if s[i] < rank { // most hashes change nothing; avoid the write
		s[i] = rank
	}
}

// merge adds the hashes of another sketch.
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
		// For small numbers the share of empty registers is more precise (linear counting).
		estimate = registers * math.Log(registers/float64(empty))
	}
	return int(math.Round(estimate))
}
