package attribution

import (
	"math"
	"slices"
)

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
// The weights of a feature are packed, three labels to a word, so that one addition adds three weights. A negative
// weight borrows from the next label, and the sum of packed weights is the packed sum. Adding packBias to it makes all
// labels positive, so that they can be told apart. Two words are a group, because few enough sums of two words fit into
// registers. If the number of labels is not a multiple of groupLabels, there are additional labels that are never the
// best.
type decoder struct {
	labels, used int // the number of labels, with and without the additional ones
	groups       []labelGroup
	// forward and backward hold the weights of the transitions from the previous label and from the next one, by context.
	forward, backward []transitions
}

// labelGroup holds the weights of a group of labels, whose number is groupLabels.
type labelGroup struct {
	features []featureWeights // by feature
	near     []nearWeights    // the weights for the labels of the neighboring items
	// usual and usualNear are the sums of the weights of the usual features.
	usual     packed
	usualNear nearWeights
}

// featureWeights holds the weights of a feature, relative to the usual feature of its template, if the template has
// one.
type featureWeights struct {
	own  packed
	near uint32 // index in labelGroup.near, or 0 if the feature does not affect the labels of neighboring items
}

// packed holds the weights of groupLabels labels.
type packed struct{ low, high uint64 }

// nearWeights holds the weights of an item's feature for the labels of the next item and of the previous item.
type nearWeights struct{ onNext, onPrevious packed }

func (n nearWeights) plus(o nearWeights) nearWeights {
	return nearWeights{n.onNext.plus(o.onNext), n.onPrevious.plus(o.onPrevious)}
}

const (
	packBits    = 21
	packLabels  = 3 // labels in a word
	groupLabels = 2 * packLabels
	// packLimit bounds the absolute value of a sum of weights.
	packLimit = 1 << (packBits - 1)
	packMask  = 1<<packBits - 1
	packBias  = packLimit | packLimit<<packBits | packLimit<<(2*packBits)
	// maxLabels is the maximum number of labels.
	maxLabels = 12
	// never is the score of the additional labels.
	never = -1 << 28
)

// newDecoder returns a decoder with the weights of s.
func newDecoder(s *sequence) *decoder {
	groups := (s.labels + groupLabels - 1) / groupLabels
	d := &decoder{labels: groups * groupLabels, used: s.labels}
	for g := range groups {
		d.groups = append(d.groups, newGroup(s, g*groupLabels))
	}
	for _, w := range s.change {
		forward, backward := make([]int32, d.labels*d.labels), make([]int32, d.labels*d.labels)
		for p := range s.labels {
			for y := range s.labels {
				forward[p*d.labels+y] = w[p*s.labels+y]
				backward[y*d.labels+p] = w[p*s.labels+y]
			}
		}
		d.forward, d.backward = append(d.forward, newTransitions(forward)), append(d.backward, newTransitions(backward))
	}
	return d
}

// newGroup packs the weights of the labels from the given one on.
func newGroup(s *sequence, from int) labelGroup {
	g := labelGroup{features: make([]featureWeights, s.features.size), near: make([]nearWeights, 1)}
	row := func(weights []int32, id int) packed { return packWeights(weights[id*s.labels+from : (id+1)*s.labels]) }
	for t, template := range s.features.templates {
		r := s.features.ranges[t]
		var own packed
		var near nearWeights
		if r.unlist >= 0 {
			own, near = row(s.own, r.unlist), nearWeights{row(s.previous, r.unlist), row(s.next, r.unlist)}
			g.usual = g.usual.plus(own)
			if template.near {
				g.usualNear = g.usualNear.plus(near)
			}
		}
		for id := r.first; id <= r.first+r.last; id++ {
			g.features[id].own = row(s.own, id).minus(own)
			if template.near {
				g.features[id].near = uint32(len(g.near))
				g.near = append(g.near, nearWeights{row(s.previous, id).minus(near.onNext), row(s.next, id).minus(near.onPrevious)})
			}
		}
	}
	return g
}

// packWeights packs the first groupLabels weights, or all if there are fewer.
func packWeights(weights []int32) (p packed) {
	for y, w := range weights[:min(len(weights), groupLabels)] {
		word := &p.low
		if y >= packLabels {
			word = &p.high
		}
		*word += uint64(w) << (y % packLabels * packBits)
	}
	return p
}

func (p packed) plus(o packed) packed { return packed{p.low + o.low, p.high + o.high} }

func (p packed) minus(o packed) packed { return packed{p.low - o.low, p.high - o.high} }

// unpack stores the unpacked sums of the labels in to.
func (p packed) unpack(to *[groupLabels]int32) {
	a, b := p.low+packBias, p.high+packBias
	to[0], to[1], to[2] = unpacked(a), unpacked(a>>packBits), unpacked(a>>(2*packBits))
	to[3], to[4], to[5] = unpacked(b), unpacked(b>>packBits), unpacked(b>>(2*packBits))
}

func unpacked(w uint64) int32 { return int32(w&packMask) - packLimit }

// transitions holds the weights of the transitions from each label to each label of a neighboring item.
type transitions struct {
	rows [][groupLabels]int32 // by label and group of the neighbor's labels
	// spread is the difference between the greatest and the least weight.
	spread int32
}

// newTransitions returns transitions with the weights by label and label of the neighbor.
func newTransitions(weights []int32) transitions {
	t := transitions{spread: slices.Max(weights) - slices.Min(weights)}
	for row := range slices.Chunk(weights, groupLabels) {
		t.rows = append(t.rows, [groupLabels]int32(row))
	}
	return t
}

// best sets to[y] to the maximum, over all labels, of the label's score in from plus the weight of the transition from
// it to y.
func (t *transitions) best(to, from []int32) {
	highest := from[0]
	for y, score := range from {
		to[y] = math.MinInt32
		highest = max(highest, score)
	}
	least := highest - t.spread
	groups := len(to) / groupLabels
	for label, score := range from {
		if score < least {
			continue // the label with the highest score is better, whatever the neighbor's label is
		}
		for g := range groups {
			w, to := &t.rows[label*groups+g], (*[groupLabels]int32)(to[g*groupLabels:])
			to[0], to[1], to[2] = max(to[0], score+w[0]), max(to[1], score+w[1]), max(to[2], score+w[2])
			to[3], to[4], to[5] = max(to[3], score+w[3]), max(to[4], score+w[4]), max(to[5], score+w[5])
		}
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
	sums                      []packed
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

// emissions sets buf.scores to the weight of each label for each item.
func (d *decoder) emissions(buf *decodeBuffers, items *featureList) {
	n, L := items.len(), d.labels
	buf.scores, buf.sums = resized(buf.scores, n*L), resized(buf.sums, n+2)
	for g := range d.groups {
		clear(buf.sums)
		for i := range n {
			d.groups[g].addItem((*[3]packed)(buf.sums[i:]), items.of(i))
		}
		for i := range n {
			buf.sums[i+1].unpack((*[groupLabels]int32)(buf.scores[i*L+g*groupLabels:]))
		}
	}
	for i := range n {
		for y := d.used; y < L; y++ {
			buf.scores[i*L+y] = never
		}
	}
}

// addItem adds the weights of an item's features to the sums of the previous item, of the item itself and of the next
// item.
func (g *labelGroup) addItem(sums *[3]packed, ids []uint16) {
	own, near := g.usual, g.usualNear
	for _, id := range ids {
		f := &g.features[id]
		own = own.plus(f.own)
		if f.near > 0 {
			near = near.plus(g.near[f.near])
		}
	}
	sums[0] = sums[0].plus(near.onPrevious)
	sums[1] = sums[1].plus(own)
	sums[2] = sums[2].plus(near.onNext)
}

// decode returns the best labels of the items, and the margins of all labels. contexts holds the context of the
// transition to each item. The result is valid until buf is used again.
func (d *decoder) decode(buf *decodeBuffers, items *featureList, contexts []uint8) decoded {
	n, L := items.len(), d.labels
	buf.best, buf.margins = resized(buf.best, n), resized(buf.margins, n*L)
	out := decoded{best: buf.best, margins: buf.margins, labels: L}
	if n == 0 {
		return out
	}
	buf.forward, buf.backward = resized(buf.forward, n*L), resized(buf.backward, n*L)
	d.emissions(buf, items)
	d.sumForward(buf, contexts)
	d.sumBackward(buf, contexts)
	for i := range n {
		at := i * L
		out.best[i] = setMargins(out.margins[at:at+L], buf.forward[at:at+L], buf.backward[at:at+L])
	}
	return out
}

// sumForward sets forward to the best score up to and including each item, by label.
func (d *decoder) sumForward(buf *decodeBuffers, contexts []uint8) {
	L := d.labels
	copy(buf.forward[:L], buf.scores)
	for i := 1; i < len(contexts); i++ {
		row := buf.forward[i*L : i*L+L]
		d.forward[contexts[i]].best(row, buf.forward[(i-1)*L:i*L])
		for y, score := range buf.scores[i*L : i*L+L] {
			row[y] += score
		}
	}
}

// sumBackward sets backward to the best score after each item, by label.
func (d *decoder) sumBackward(buf *decodeBuffers, contexts []uint8) {
	n, L := len(contexts), d.labels
	clear(buf.backward[(n-1)*L:])
	var next [maxLabels]int32
	for i := n - 2; i >= 0; i-- {
		from := next[:L]
		scores, after := buf.scores[(i+1)*L:(i+2)*L], buf.backward[(i+1)*L:(i+2)*L]
		for y := range from {
			from[y] = after[y] + scores[y]
		}
		d.backward[contexts[i+1]].best(buf.backward[i*L:i*L+L], from)
	}
}

// setMargins sets the margins of all labels of an item, given the best scores up to and after the item, and returns the
// best label.
func setMargins(margins, forward, backward []int32) uint8 {
	best, top, next := 0, int32(math.MinInt32), int32(math.MinInt32) // the best label and the two highest totals
	forward, backward = forward[:len(margins)], backward[:len(margins)]
	for y := range margins {
		total := forward[y] + backward[y]
		if total > top {
			best, top, next = y, total, top
		} else {
			next = max(next, total)
		}
	}
	for y := range margins {
		margins[y] = forward[y] + backward[y] - top
	}
	margins[best] = top - next
	return uint8(best)
}
