package main

import (
	"math"

	"feedpub/feed/attribution"
)

// chainItem is an item of a sequence with its correct label.
type chainItem struct {
	features, near []uint16
	context        uint8
	label          int
}

// chain is a linear-chain conditional random field in training.
type chain struct {
	shape attribution.Shape
	// weight holds the weights by feature and label for the item itself, the previous and the next item, and then the
	// weights of each pair of consecutive labels by context.
	weight []float64
	square []float64 // sums of the squares of the gradients (AdaGrad)
}

func newChain(shape attribution.Shape) *chain {
	n := 3*shape.Features*shape.Labels + shape.Contexts*shape.Labels*shape.Labels
	return &chain{shape: shape, weight: make([]float64, n), square: make([]float64, n)}
}

// at returns the index of the first weight of feature id. The value of which is 0 for a feature of the item itself, 1
// for one of the previous item, and 2 for one of the next item.
func (c *chain) at(which int, id uint16) int {
	return (which*c.shape.Features + int(id)) * c.shape.Labels
}

func (c *chain) changeAt(context uint8) int {
	return 3*c.shape.Features*c.shape.Labels + int(context)*c.shape.Labels*c.shape.Labels
}

// rows appends to out the index of the first weight of each feature that affects item i: of its own features, and of
// the near features of its neighbors.
func (c *chain) rows(items []chainItem, i int, out []int) []int {
	for _, id := range items[i].features {
		out = append(out, c.at(0, id))
	}
	if i > 0 {
		for _, id := range items[i-1].near {
			out = append(out, c.at(1, id))
		}
	}
	if i+1 < len(items) {
		for _, id := range items[i+1].near {
			out = append(out, c.at(2, id))
		}
	}
	return out
}

func logSum(v []float64) float64 {
	m := math.Inf(-1)
	for _, x := range v {
		m = max(m, x)
	}
	s := 0.0
	for _, x := range v {
		s += math.Exp(x - m)
	}
	return m + math.Log(s)
}

// train fits the weights to the sequences by AdaGrad. importance holds a factor for the gradient of each sequence;
// decay is the L2 regularization per item.
func (c *chain) train(sequences [][]chainItem, importance []float64, decay float64) {
	order := make([]int, len(sequences))
	for i := range order {
		order[i] = i
	}
	seed := uint64(1)
	g := newGradient(c)
	for range chainEpochs {
		for i := len(order) - 1; i > 0; i-- {
			seed = seed*6364136223846793005 + 1442695040888963407
			j := int(seed>>33) % (i + 1)
			order[i], order[j] = order[j], order[i]
		}
		for _, k := range order {
			if len(sequences[k]) == 0 {
				continue
			}
			g.add(sequences[k])
			scale := decay * float64(len(sequences[k]))
			for _, at := range g.touched {
				for i := at; i < at+c.shape.Labels; i++ {
					d := g.sum[i]*importance[k] + scale*c.weight[i]
					c.square[i] += d * d
					c.weight[i] -= chainRate * d / math.Sqrt(c.square[i]+1e-8)
					g.sum[i] = 0
				}
				g.seen[at] = false
			}
			g.touched = g.touched[:0]
		}
	}
}

// gradient is the gradient of the negative log likelihood of a sequence. Its memory is reused for the next sequence.
type gradient struct {
	c                       *chain
	sum                     []float64
	touched                 []int // index of the first element of each nonzero row
	seen                    []bool
	emit, forward, backward []float64
	rows                    []int
	cuts                    []int
}

func newGradient(c *chain) *gradient {
	return &gradient{c: c, sum: make([]float64, len(c.weight)), seen: make([]bool, len(c.weight))}
}

func (g *gradient) touch(at int) {
	if !g.seen[at] {
		g.seen[at] = true
		g.touched = append(g.touched, at)
	}
}

// sumScores computes the scores of each item's labels, and their sums over the sequences before and after the item.
func (g *gradient) sumScores(items []chainItem) {
	c, n, L := g.c, len(items), g.c.shape.Labels
	clearTo := func(v []float64) []float64 {
		v = append(v[:0], make([]float64, n*L)...)
		return v
	}
	g.emit, g.forward, g.backward = clearTo(g.emit), clearTo(g.forward), clearTo(g.backward)
	g.rows, g.cuts = g.rows[:0], append(g.cuts[:0], 0)
	for i := range items {
		g.rows = c.rows(items, i, g.rows)
		g.cuts = append(g.cuts, len(g.rows))
		row := g.emit[i*L : i*L+L]
		for _, at := range g.rows[g.cuts[i]:] {
			for y, w := range c.weight[at : at+L] {
				row[y] += w
			}
		}
	}
	buf := make([]float64, L)
	copy(g.forward, g.emit[:L])
	for i := 1; i < n; i++ {
		t := c.changeAt(items[i].context)
		for y := range L {
			for p := range L {
				buf[p] = g.forward[(i-1)*L+p] + c.weight[t+p*L+y]
			}
			g.forward[i*L+y] = logSum(buf) + g.emit[i*L+y]
		}
	}
	for i := n - 2; i >= 0; i-- {
		t := c.changeAt(items[i+1].context)
		for y := range L {
			for q := range L {
				buf[q] = g.backward[(i+1)*L+q] + c.weight[t+y*L+q] + g.emit[(i+1)*L+q]
			}
			g.backward[i*L+y] = logSum(buf)
		}
	}
}

func (g *gradient) add(items []chainItem) {
	c, n, L := g.c, len(items), g.c.shape.Labels
	g.sumScores(items)
	z := logSum(g.forward[(n-1)*L : n*L])
	p := make([]float64, L)
	for i := range items {
		for y := range L {
			p[y] = math.Exp(g.forward[i*L+y] + g.backward[i*L+y] - z)
		}
		p[items[i].label]--
		for _, at := range g.rows[g.cuts[i]:g.cuts[i+1]] {
			g.touch(at)
			for y, v := range p {
				g.sum[at+y] += v
			}
		}
		if i == 0 {
			continue
		}
		t := c.changeAt(items[i].context)
		for a := range L {
			g.touch(t + a*L)
			for b := range L {
				v := math.Exp(g.forward[(i-1)*L+a] + c.weight[t+a*L+b] + g.emit[i*L+b] + g.backward[i*L+b] - z)
				if a == items[i-1].label && b == items[i].label {
					v--
				}
				g.sum[t+a*L+b] += v
			}
		}
	}
}

// weights returns the weights in hundredths.
func (c *chain) weights() *attribution.Weights {
	round := func(w []float64) []int32 {
		out := make([]int32, len(w))
		for i, v := range w {
			out[i] = int32(math.Round(100 * min(max(v, -90), 90)))
		}
		return out
	}
	n := c.shape.Features * c.shape.Labels
	w := &attribution.Weights{Own: round(c.weight[:n]), Previous: round(c.weight[n : 2*n]), Next: round(c.weight[2*n : 3*n])}
	for k := range c.shape.Contexts {
		at := c.changeAt(uint8(k))
		w.Change = append(w.Change, round(c.weight[at:at+c.shape.Labels*c.shape.Labels]))
	}
	return w
}
