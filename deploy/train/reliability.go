package main

import (
	"bytes"
	"fmt"
	"io"

	"feedpub/feed/attribution"
)

// point is a credit that was read, with its certainty.
type point struct {
	certainty float64
	right     bool
	passage   bool // the certainty is that of the passage, not of the source
}

// pointsOf returns the certainties of a post's quotes and suggestions, and whether they are correct.
func pointsOf(p *Post, res attribution.Result) []point {
	units := unitsOf(p.Expect.Quotes)
	all := append(append([]attribution.Quote{}, res.Quotes...), res.Suggestions...)
	owner := assign(len(all), units, func(i int, u *unit) int { return u.affinity(&all[i].Source, all[i].Text) })
	var out []point
	for i, q := range all {
		out = append(out, point{q.Confidence, owner[i] >= 0 && units[owner[i]].found(&q.Source), false})
		if q.Text != "" && i < len(res.Quotes) {
			out = append(out, point{q.PassageConfidence, owner[i] >= 0 && units[owner[i]].begins(q.Text), true})
		}
	}
	return out
}

// bin is a range of certainties 0.1 wide.
type bin struct {
	n, right int
	sum      float64
}

func binsOf(points []point, passage bool) [10]bin {
	var bins [10]bin
	for _, p := range points {
		if p.passage != passage {
			continue
		}
		b := &bins[min(int(p.certainty*10), 9)]
		b.n++
		b.sum += p.certainty
		if p.right {
			b.right++
		}
	}
	return bins
}

// printReliability prints, for each range of certainty, the share of sources and passages that are correct.
func printReliability(points []point, w io.Writer) {
	fmt.Fprintln(w, "certainty   sources  mean  right   passages  mean  right")
	sources, passages := binsOf(points, false), binsOf(points, true)
	for i := range sources {
		fmt.Fprintf(w, "%.1f to %.1f ", float64(i)/10, float64(i+1)/10)
		for _, b := range []bin{sources[i], passages[i]} {
			if b.n == 0 {
				fmt.Fprintf(w, "%8d     -      -", 0)
				continue
			}
			fmt.Fprintf(w, "%8d  %.2f   %.2f", b.n, b.sum/float64(b.n), float64(b.right)/float64(b.n))
		}
		fmt.Fprintln(w)
	}
}

// drawReliability returns an SVG diagram that shows, for each range of certainty, the share that is correct. On the
// diagonal, certainty and share are equal. The area of a circle represents the number of credits.
func drawReliability(points []point) []byte {
	var b bytes.Buffer
	const size, margin = 400, 40
	x := func(v float64) float64 { return margin + v*size }
	y := func(v float64) float64 { return margin + (1-v)*size }
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n",
		size+2*margin, size+2*margin)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><rect x="%d" y="%d" width="%d" height="%d" fill="none" stroke="#888"/>`+"\n",
		margin, margin, size, size)
	fmt.Fprintf(&b, `<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="#888" stroke-dasharray="4"/>`+"\n", x(0), y(0), x(1), y(1))
	for i := 0; i <= 10; i += 2 {
		v := float64(i) / 10
		fmt.Fprintf(&b, `<text x="%g" y="%d" text-anchor="middle">%.1f</text><text x="%d" y="%g" text-anchor="end">%.1f</text>`+"\n",
			x(v), size+margin+16, v, margin-6, y(v)+4, v)
	}
	fmt.Fprintf(&b, `<text x="%g" y="%d" text-anchor="middle">certainty</text>`+"\n", x(0.5), size+2*margin-6)
	fmt.Fprintf(&b, `<text x="%d" y="%d">share correct: sources blue, passages orange</text>`+"\n", margin, margin-12)
	for _, series := range []struct {
		passage bool
		color   string
	}{{false, "#1f6fb4"}, {true, "#d9730d"}} {
		for _, n := range binsOf(points, series.passage) {
			if n.n == 0 {
				continue
			}
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="%.1f" fill="%s" fill-opacity="0.6"><title>%d of %d</title></circle>`+"\n",
				x(n.sum/float64(n.n)), y(float64(n.right)/float64(n.n)), 3+float64(min(n.n, 400))/40, series.color, n.right, n.n)
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
