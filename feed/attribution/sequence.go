package attribution

import "slices"

// sequence is a linear-chain model: it labels each item of a sequence. The score of a sequence of labels is the sum of
// the weights of the items' features and of each pair of consecutive labels. Weights are integers, so that the result
// is the same on every machine.
type sequence struct {
	labels   int
	features *featureSet
	own      []int32   // weights by feature and label
	previous []int32   // weights of the previous item's near features, by feature and label
	next     []int32   // weights of the next item's near features, by feature and label
	change   [][]int32 // by context: weights by label and next label
}

// weightUnit is the unit of weights: a weight of 100 makes a label e times as likely.
const weightUnit = 100

// decoder decodes with the weights of a sequence. It is immutable.
//
// The weights of a feature are packed, two labels to a word, so that one addition adds both. A packed weight is its
// value plus packBias, which keeps every sum positive: no carry goes from one label to the other. If the number of
// labels is odd, there is an additional label that is never the best.
type decoder struct {
	labels, words       int  // words is the number of packed words of a feature; labels is twice that number
	odd                 bool // the last label is the additional one
	own, previous, next packedWeights
	// change and before hold the weights of the transitions by context: by label and next label, and by label and previous
	// label.
	change, before [][]int32
}

// packedWeights are the weights of features, in rows of packed words.
type packedWeights struct {
	rows []uint64 // by feature; relative to the usual feature of the template, if it has one
	base []uint64 // the sum of the usual features
}

const (
	packBias  = 1 << 20
	packShift = 32
	packMask  = 1<<packShift - 1
	// maxLabels is the maximum number of labels.
	maxLabels = 12
	// never is the score of the additional label.
	never = -1 << 28
)

// newDecoder returns a decoder with the weights of s.
func newDecoder(s *sequence) *decoder {
	d := &decoder{words: (s.labels + 1) / 2, odd: s.labels%2 > 0}
	d.labels = 2 * d.words
	d.own = d.pack(s, s.own, false)
	d.previous, d.next = d.pack(s, s.previous, true), d.pack(s, s.next, true)
	for _, w := range s.change {
		change, before := make([]int32, d.labels*d.labels), make([]int32, d.labels*d.labels)
		for p := range s.labels {
			for y := range s.labels {
				change[p*d.labels+y] = w[p*s.labels+y]
				before[y*d.labels+p] = w[p*s.labels+y]
			}
		}
		d.change, d.before = append(d.change, change), append(d.before, before)
	}
	return d
}

// pack packs weights by feature and label. If near is set, the weights apply to near features only.
func (d *decoder) pack(s *sequence, weights []int32, near bool) packedWeights {
	p := packedWeights{rows: make([]uint64, s.features.size*d.words)}
	base := make([]int32, s.labels)
	for t, template := range s.features.templates {
		from, usual := s.features.offsets[t], s.features.usual[t]
		for id := from; id <= from+s.features.last[t]; id++ {
			row := slices.Clone(weights[id*s.labels : (id+1)*s.labels])
			if usual >= 0 {
				for y := range row {
					row[y] -= weights[usual*s.labels+y]
				}
			}
			d.packRow(p.rows[id*d.words:(id+1)*d.words], row)
		}
		if usual >= 0 && (template.near || !near) {
			for y := range base {
				base[y] += weights[usual*s.labels+y]
			}
		}
	}
	p.base = make([]uint64, d.words)
	d.packRow(p.base, base)
	return p
}

// packRow packs the weights of one feature.
func (d *decoder) packRow(to []uint64, weights []int32) {
	for y := range d.labels {
		w := int32(0)
		if y < len(weights) {
			w = min(max(weights[y], 1-packBias), packBias-1)
		}
		to[y/2] += uint64(int64(w)+packBias) << (y % 2 * packShift)
	}
}

// decoded is the result of decoding a sequence.
type decoded struct {
	best []uint8 // the best label of each item
	// margins holds, for each item and label, the score of the best sequence in which the item has that label minus the
	// score of the best sequence in which it does not, in weight units.
	margins []int32
	labels  int
}

// margin returns the margin of a label of item i.
func (d *decoded) margin(i, label int) int { return int(d.margins[i*d.labels+label]) }

// decodeBuffers holds the memory for a result of [decoder.decode]. The next call reuses it.
type decodeBuffers struct {
	best                      []uint8
	scores, forward, backward []int32
	margins                   []int32
}

// resized returns a slice of n elements with unspecified values that reuses the memory of s if it is large enough.
func resized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/2)
	}
	return s[:n]
}

// addRows adds the packed weights of the features to sum, and returns the number of packed weights in it.
func (d *decoder) addRows(sum *[maxLabels / 2]uint64, p *packedWeights, ids []uint16) int {
	for k, w := range p.base {
		sum[k] += w
	}
	switch d.words {
	case 3:
		a, b, c := sum[0], sum[1], sum[2]
		for _, id := range ids {
			w := (*[3]uint64)(p.rows[int(id)*3:])
			a, b, c = a+w[0], b+w[1], c+w[2]
		}
		sum[0], sum[1], sum[2] = a, b, c
	case maxLabels / 2:
		for _, id := range ids {
			w := (*[maxLabels / 2]uint64)(p.rows[int(id)*(maxLabels/2):])
			for k := range sum {
				sum[k] += w[k]
			}
		}
	default:
		for _, id := range ids {
			for k, w := range p.rows[int(id)*d.words : int(id)*d.words+d.words] {
				sum[k] += w
			}
		}
	}
	return 1 + len(ids)
}

// emissions sets scores to the weight of each label for each item.
func (d *decoder) emissions(scores []int32, features, near [][]uint16) {
	n, L := len(features), d.labels
	for i := range features {
		var sum [maxLabels / 2]uint64
		added := d.addRows(&sum, &d.own, features[i])
		if i > 0 {
			added += d.addRows(&sum, &d.previous, near[i-1])
		}
		if i+1 < n {
			added += d.addRows(&sum, &d.next, near[i+1])
		}
		for y := range L {
			scores[i*L+y] = int32(int64(sum[y/2]>>(y%2*packShift)&packMask) - int64(added)*packBias)
		}
		if d.odd {
			scores[i*L+L-1] = never
		}
	}
}

// decode returns the best labels of the items, and the margins of all labels. The result is valid until buf is used
// again.
func (d *decoder) decode(buf *decodeBuffers, features, near [][]uint16, contexts []uint8) decoded {
	n, L := len(features), d.labels
	buf.best, buf.margins = resized(buf.best, n), resized(buf.margins, n*L)
	out := decoded{best: buf.best, margins: buf.margins, labels: L}
	if n == 0 {
		return out
	}
	buf.scores, buf.forward, buf.backward = resized(buf.scores, n*L), resized(buf.forward, n*L), resized(buf.backward, n*L)
	d.emissions(buf.scores, features, near)
	d.sumForward(buf, contexts)
	d.sumBackward(buf, contexts)
	for i := range n {
		at := i * L
		setMargins(&out.best[i], out.margins[at:at+L], buf.forward[at:at+L], buf.backward[at:at+L])
	}
	return out
}

// sumForward sets forward to the best score up to and including each item, by label.
func (d *decoder) sumForward(buf *decodeBuffers, contexts []uint8) {
	L := d.labels
	copy(buf.forward[:L], buf.scores)
	for i := 1; i < len(contexts); i++ {
		weights := d.before[contexts[i]]
		last, scores, row := buf.forward[(i-1)*L:i*L], buf.scores[i*L:i*L+L], buf.forward[i*L:i*L+L]
		for y := range row {
			row[y] = scores[y] + bestSum(weights[y*L:y*L+L], last)
		}
	}
}

// sumBackward sets backward to the best score after each item, by label.
func (d *decoder) sumBackward(buf *decodeBuffers, contexts []uint8) {
	n, L := len(contexts), d.labels
	clear(buf.backward[(n-1)*L:])
	var next [maxLabels]int32
	for i := n - 2; i >= 0; i-- {
		weights := d.change[contexts[i+1]]
		for q := range L {
			next[q] = buf.backward[(i+1)*L+q] + buf.scores[(i+1)*L+q]
		}
		row := buf.backward[i*L : i*L+L]
		for y := range row {
			row[y] = bestSum(weights[y*L:y*L+L], next[:L])
		}
	}
}

// bestSum returns the maximum of the sums of corresponding elements. Both slices have the same length above 0. The
// numbers of labels of the two models, 6 and 12, have fast paths.
func bestSum(a, b []int32) int32 {
	switch len(a) {
	case 6:
		return bestOfSix((*[6]int32)(a), (*[6]int32)(b))
	case 12:
		return max(bestOfSix((*[6]int32)(a), (*[6]int32)(b)), bestOfSix((*[6]int32)(a[6:]), (*[6]int32)(b[6:])))
	}
	best := a[0] + b[0]
	for k, v := range a {
		best = max(best, v+b[k])
	}
	return best
}

// bestOfSix is [bestSum] for six elements.
func bestOfSix(a, b *[6]int32) int32 {
	return max(a[0]+b[0], a[1]+b[1], a[2]+b[2], a[3]+b[3], a[4]+b[4], a[5]+b[5])
}

// setMargins sets the best label of an item and the margins of all its labels, given the best scores up to and after
// the item.
func setMargins(best *uint8, margins, forward, backward []int32) {
	first, second := 0, -1 // labels with the two highest totals
	for y := range margins {
		margins[y] = forward[y] + backward[y]
		switch {
		case y == 0:
		case margins[y] > margins[first]:
			first, second = y, first
		case second < 0 || margins[y] > margins[second]:
			second = y
		}
	}
	*best = uint8(first)
	top, next := margins[first], margins[second]
	for y := range margins {
		if y == first {
			margins[y] -= next
		} else {
			margins[y] -= top
		}
	}
}
