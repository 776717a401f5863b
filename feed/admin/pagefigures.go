package admin

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// figures holds the charts of one feed.
type figures struct {
	Feed     string
	From, To string // the first and last days, as dayName formats them
	Charts   []figure
}

// figure is one chart.
type figure struct {
	Name, Value string // Value is the value of the last day
	SVG         template.HTML
}

// missing is the value of a day for which no value is known.
const missing = -1

// describeFigures sets the figures of a feed, or of the first one in the list if there is no such feed.
func describeFigures(p *page, s *Site, wanted string) {
	if s.History == nil || len(p.Feeds) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(p.Feeds, func(row feedRow) bool { return row.Feed == wanted }))
	days := s.History.Days(feed.Name(p.Feeds[i].Feed))
	if len(days) == 0 {
		return
	}
	p.Figures = figures{Feed: p.Feeds[i].Feed, From: dayName(days[0].Day), To: dayName(days[len(days)-1].Day)}
	add := func(name string, bars bool, value func(feed.FeedDay) int, text func(int) string, top int) {
		values := make([]int, len(days))
		for i, d := range days {
			values[i] = value(d)
		}
		last := values[len(values)-1]
		f := figure{Name: name, Value: "–", SVG: drawDays(name, days[0].Day, values, bars, top, text)}
		if last != missing {
			f.Value = text(last)
		}
		p.Figures.Charts = append(p.Figures.Charts, f)
	}
	number := func(n int) string { return fmt.Sprint(n) }
	add("Subscribers", false, func(d feed.FeedDay) int { return d.Subscribers }, number, 0)
	add("Polls a day", true, func(d feed.FeedDay) int { return d.Polls }, number, 0)
	const percent = 100
	add("Answered with 304", false, func(d feed.FeedDay) int {
		if d.Polls == 0 {
			return missing
		}
		return percent * d.NotModified / d.Polls
	}, func(n int) string { return fmt.Sprintf("%d %%", n) }, percent)
	add("Posts", false, func(d feed.FeedDay) int { return d.Posts }, number, 0)
	add("Bytes of all formats", false, func(d feed.FeedDay) int { return d.Bytes },
		func(n int) string { return size(uint64(n)) }, 0) //nolint:gosec // a size
}

// dayName formats a day, which is given as the number of days since 1 January 1970.
func dayName(day int) string {
	const seconds = int64(24 * time.Hour / time.Second)
	return time.Unix(int64(day)*seconds, 0).UTC().Format("2 Jan 2006")
}

// drawDays draws values of consecutive days, as bars or as a line, from 0 to top, or to the highest value if top is 0.
// The label that a screen reader reads contains the highest and the last value.
func drawDays(name string, first int, values []int, bars bool, top int, text func(int) string) template.HTML {
	const width, height, head, foot = 300, 70, 14, 14
	highest := max(top, slices.Max(values), 1)
	last := values[len(values)-1]
	label := fmt.Sprintf("%s from %s to %s: at most %s", name, dayName(first), dayName(first+len(values)-1),
		text(max(0, slices.Max(values))))
	if last != missing {
		label += ", most recently " + text(last)
	}
	x := func(i int) float64 { return (float64(i) + 0.5) * width / float64(len(values)) }
	y := func(v int) float64 { return head + height - float64(v)*height/float64(highest) }
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="days" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, head+height+foot, label)
	fmt.Fprintf(&b, `<path class="axis" d="M0 %dH%dM0 %dH%d"></path>`, head, width, head+height, width)
	if bars {
		step := float64(width) / float64(len(values))
		for i, v := range values {
			if v > 0 {
				w := min(step*0.8, 12) //nolint:mnd // leaves a gap between bars, and bounds their width
				fmt.Fprintf(&b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f"></rect>`,
					x(i)-w/2, y(v), w, head+height-y(v))
			}
		}
	} else {
		drawLine(&b, values, x, y)
	}
	fmt.Fprintf(&b, `<text x="0" y="%d">%s</text>`, head-3, text(highest))
	fmt.Fprintf(&b, `<text x="0" y="%d">%s</text>`, head+height+foot-2, dayName(first))
	if len(values) > 1 {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`, width, head+height+foot-2,
			dayName(first+len(values)-1))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // safe: consists of numbers, dates and constants
}

// drawLine draws a line through values, with gaps where a value is missing. A value between two gaps is a dot.
func drawLine(b *strings.Builder, values []int, x func(int) float64, y func(int) float64) {
	for i := 0; i < len(values); {
		if values[i] == missing {
			i++
			continue
		}
		start := i
		for i < len(values) && values[i] != missing {
			i++
		}
		if i == start+1 {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="2"></circle>`, x(start), y(values[start]))
			continue
		}
		b.WriteString(`<polyline points="`)
		for j := start; j < i; j++ {
			// Where the line is horizontal, only the ends are needed.
			if j > start && j < i-1 && values[j-1] == values[j] && values[j+1] == values[j] {
				continue
			}
			fmt.Fprintf(b, "%.1f,%.1f ", x(j), y(values[j]))
		}
		b.WriteString(`"></polyline>`)
	}
}

// spark draws a chart, as small as a word, of a feed's polls on recent days. Screen readers skip it, since the table
// contains the number of polls.
func spark(days []feed.FeedDay) template.HTML {
	const width, height, most = 90, 18, 30
	days = days[max(0, len(days)-most):]
	highest := 0
	for _, d := range days {
		highest = max(highest, d.Polls)
	}
	if highest == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="spark" viewBox="0 0 %d %d" aria-hidden="true"><path d="`, width, height)
	for i, d := range days {
		if d.Polls > 0 {
			fmt.Fprintf(&b, "M%d %dv-%d", (most-len(days)+i)*width/most+1, height, max(1, d.Polls*height/highest))
		}
	}
	b.WriteString(`"></path></svg>`)
	return template.HTML(b.String()) //nolint:gosec // safe: consists of numbers
}
