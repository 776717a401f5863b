package attribution

// sequence is a linear-chain model: it labels each item of a sequence. The score of a sequence of labels is the sum of
// the weights of the items' features and of each pair of consecutive labels. Weights are integers, so that the result
// is the same on every machine.
type sequence struct {
	labels   int
	features *featureSet
	own      []int32   // by feature and label
	previous []int32   // the same, for the near features of the previous item
	next     []int32   // the same, for those of the next item
	change   [][]int32 // by context: weights by label and next label
}

// weightUnit is the unit of weights: a weight of 100 makes a label e times as likely.
const weightUnit = 100

// decoded is the result of decoding a sequence.
type decoded struct {
	best []uint8 // the best label of each item
	// margins holds, by item and label, how far the score of the best sequence with the label exceeds that of the best one
	// without it, in weight units.
	margins []int32
	labels  int
}

// margin returns the margin of a label of item i.
func (d *decoded) margin(i, label int) int { return int(d.margins[i*d.labels+label]) }

// emissions returns the weight of each label for each item.
func (s *sequence) emissions(features, near [][]uint16) []int32 {
	n, L := len(features), s.labels
	out := make([]int32, n*L)
	addTo := func(row []int32, weights []int32, ids []uint16) {
		for _, id := range ids {
			w := weights[int(id)*L : int(id)*L+L]
			for y, v := range w {
				row[y] += v
			}
		}
	}
	for i := range features {
		row := out[i*L : i*L+L]
		addTo(row, s.own, features[i])
		if i > 0 {
			addTo(row, s.previous, near[i-1])
		}
		if i+1 < n {
			addTo(row, s.next, near[i+1])
		}
	}
	return out
}

// decode returns the best labels of the items, and the margins of all labels.
func (s *sequence) decode(features, near [][]uint16, contexts []uint8) decoded {
	n, L := len(features), s.labels
	d := decoded{best: make([]uint8, n), margins: make([]int32, n*L), labels: L}
	if n == 0 {
		return d
	}
	emit := s.emissions(features, near)
	ahead := make([]int32, n*L)  // best score up to and including item i
	behind := make([]int32, n*L) // best score after item i
	copy(ahead, emit[:L])
	for i := 1; i < n; i++ {
		change := s.change[contexts[i]]
		for y := range L {
			best := ahead[(i-1)*L] + change[y]
			for p := 1; p < L; p++ {
				best = max(best, ahead[(i-1)*L+p]+change[p*L+y])
			}
			ahead[i*L+y] = best + emit[i*L+y]
		}
	}
	for i := n - 2; i >= 0; i-- {
		change := s.change[contexts[i+1]]
		for y := range L {
			best := behind[(i+1)*L] + change[y*L] + emit[(i+1)*L]
			for q := 1; q < L; q++ {
				best = max(best, behind[(i+1)*L+q]+change[y*L+q]+emit[(i+1)*L+q])
			}
			behind[i*L+y] = best
		}
	}
	for i := range n {
		first, second := 0, -1 // labels with the two highest totals
		total := func(y int) int32 { return ahead[i*L+y] + behind[i*L+y] }
		for y := 1; y < L; y++ {
			switch {
			case total(y) > total(first):
				first, second = y, first
			case second < 0 || total(y) > total(second):
				second = y
			}
		}
		d.best[i] = uint8(first)
		for y := range L {
			against := total(first)
			if y == first {
				against = total(second)
			}
			d.margins[i*L+y] = total(y) - against
		}
	}
	return d
}
